"""Files of the cluster guide: the launcher's YAML, and the simulation behind its tables."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("ray")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def queues() -> ModuleType:
    specification = importlib.util.spec_from_file_location("queues", ROOT / "benchmarks" / "queues.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["queues"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


def test_the_launchers_file_is_what_ray_expects():
    import jsonschema
    import ray
    import yaml

    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    config = yaml.safe_load((ROOT / "docs" / "cluster.yaml").read_text())
    jsonschema.validate(config, schema)
    assert config["head_node_type"] in config["available_node_types"]


def test_fast_learners_are_kept_busy_by_enough_actors_and_slow_ones_bound_the_rate(queues):
    sizes = replace(queues.Sizes(), seconds=60.0, actor_seconds=1.0, policy_seconds=0.05, discriminator_seconds=0.01)
    rates = {count: queues.simulate(replace(sizes, actors=count)) for count in (1, 4, 64)}
    assert rates[1]["efficiency"] > 0.95 and rates[4]["efficiency"] > 0.9
    assert rates[64]["commands_per_second"] <= 1280 / 0.05
    assert queues.bottleneck(rates[1]) == "actors" and queues.bottleneck(rates[64]) == "policy learner"
    assert rates[1]["mean_lag"] <= 1.0 < rates[4]["mean_lag"] < rates[64]["mean_lag"]


def test_the_bound_on_age_holds_and_small_unrolls_are_younger(queues):
    sizes = replace(queues.Sizes(), seconds=60.0, actors=32, actor_seconds=0.5)
    bounded = queues.simulate(replace(sizes, max_policy_lag=4))
    assert bounded["mean_lag"] <= 4.5
    young = queues.simulate(replace(sizes, unrolls=8, actor_seconds=0.1))
    assert young["mean_lag"] < 0.5 * queues.simulate(sizes)["mean_lag"]
