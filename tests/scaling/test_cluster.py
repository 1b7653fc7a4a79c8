"""A cluster on a busy machine, with a stand-in for Ray: its node may need longer than Ray waits."""

import sys
import types

import pytest

from spiral.errors import InputError
from spiral.scaling import cluster

SLOW = "The current node timed out during startup. This could happen because\nsome of the raylet failed"


@pytest.fixture
def ray(monkeypatch):
    """Fails to start as often as its `failures` say."""
    stand_in = types.SimpleNamespace(failures=[], calls=[], shutdown=lambda: None)

    def init(**options):
        stand_in.calls.append(options)
        if stand_in.failures:
            raise stand_in.failures.pop(0)

    stand_in.init = init
    monkeypatch.setitem(sys.modules, "ray", stand_in)
    monkeypatch.setattr(cluster, "require_ray", lambda what: None)
    return stand_in


def test_a_node_that_starts_slowly_is_started_again(ray):
    ray.failures = [Exception(SLOW), Exception(SLOW)]
    with cluster.connected(None, 4):
        assert [call["num_cpus"] for call in ray.calls] == [4, 4, 4]


@pytest.mark.parametrize(("error", "says"), [(Exception(SLOW), "less busy"), (Exception("odd"), "ray start --head")])
def test_one_that_does_not_start_is_one_line(ray, error, says):
    ray.failures = [error] * 3
    with pytest.raises(InputError, match=says) as refused, cluster.connected(None, 4):
        pass
    assert "\n" not in str(refused.value) and len(ray.calls) == (3 if "busy" in says else 1)
