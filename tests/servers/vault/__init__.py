# SPDX-License-Identifier: GPL-2.0-or-later
"""A test server that answers as Vault and OpenBao do; see ../README.md."""
