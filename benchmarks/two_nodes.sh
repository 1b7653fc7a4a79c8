#!/usr/bin/env bash
# Two Ray nodes on one machine, each in a network namespace of its own, so that what goes between them crosses an
# interface. Needs root (ip netns).
#
#   bash benchmarks/two_nodes.sh up [LEARNERS' CPUS] [ACTORS' CPUS]   start both; the first is the head
#   bash benchmarks/two_nodes.sh run COMMAND...    run a command on the first node, beside the learners
#   bash benchmarks/two_nodes.sh kill              kill -9 the second node's raylet
#   bash benchmarks/two_nodes.sh join [CPUS]       start the second node again
#   bash benchmarks/two_nodes.sh traffic           bytes received and sent by the head's interface
#   bash benchmarks/two_nodes.sh down              stop both and take the namespaces away
set -euo pipefail
cd "$(dirname "$0")/.."

one=10.77.0.1 two=10.77.0.2 port=6399
ray="$PWD/.venv/bin/ray"
export RAY_AUTH_MODE=token RAY_DISABLE_IMPORT_WARNING=1 RAY_USAGE_STATS_ENABLED=0 OMP_WAIT_POLICY=passive

start_second() {
  ip netns exec spiral-two "$ray" start --address "$one:$port" --node-ip-address "$two" --num-cpus "$1" \
    --object-store-memory 500000000 >/dev/null
}

case "${1:-}" in
  up)
    "$ray" get-auth-token --generate >/dev/null 2>&1
    ip netns add spiral-one
    ip netns add spiral-two
    ip link add spiral-a netns spiral-one type veth peer name spiral-b netns spiral-two
    ip -n spiral-one addr add "$one/24" dev spiral-a
    ip -n spiral-two addr add "$two/24" dev spiral-b
    for end in one:a two:b; do
      ip -n "spiral-${end%:*}" link set lo up
      ip -n "spiral-${end%:*}" link set "spiral-${end#*:}" up
    done
    ip netns exec spiral-one "$ray" start --head --node-ip-address "$one" --port "$port" --num-cpus "${2:-2}" \
      --include-dashboard=false --object-store-memory 500000000 >/dev/null
    start_second "${3:-1}"
    ;;
  run)
    shift
    exec ip netns exec spiral-one "$@"
    ;;
  kill)
    for process in $(ip netns pids spiral-two); do
      if grep -q raylet/raylet "/proc/$process/cmdline" 2>/dev/null; then kill -9 "$process"; fi
    done
    ;;
  join)
    start_second "${2:-1}"
    ;;
  traffic)
    ip netns exec spiral-one cat /sys/class/net/spiral-a/statistics/{rx,tx}_bytes
    ;;
  down)
    for namespace in spiral-one spiral-two; do
      for process in $(ip netns pids "$namespace" 2>/dev/null); do kill -9 "$process" 2>/dev/null || true; done
      ip netns delete "$namespace" 2>/dev/null || true
    done
    ;;
  *)
    sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
