#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest: install the programs, load the module, run the test.
set -euo pipefail

cp -r "$KMSC_ROOT/." /
modprobe dm-mod
insmod "$KMSC_MODULE"
exec "$@"
