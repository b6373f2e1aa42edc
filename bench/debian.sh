#!/usr/bin/env bash
# The supervisors that come as Debian packages, for bench/supervisors.py; whom it cannot install is left out of the run.
set -euo pipefail
missing=()
for pair in s6-svscan:s6 runsvdir:runit; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
((${#missing[@]})) || exit 0
if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
  echo "left out, as only root can install it from Debian's packages: ${missing[*]}"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # at runlevel 1 a package starts no service
if [[ ! -e /usr/sbin/policy-rc.d ]]; then        # and what does not look at that asks here: 101 is "not allowed"
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
fi
apt-get -qq update </dev/null
for package in "${missing[@]}"; do
  apt-get -qq install -y --no-install-recommends "$package" </dev/null || echo "left out, as it cannot be installed: $package"
done
