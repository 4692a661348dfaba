#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Prints a line for each uevent of the kernel, in the order in which they come:
of those that have variables KMSCRYPT_*, the device's name and these variables;
with the argument "all", of every block device's the action and all variables
but the running number.

usage: uevents.py [all]
"""

import socket
import sys

KOBJECT_UEVENT = 15


def ours(words):
    """The device and what we say of it"""
    names = [w[8:] for w in words if w.startswith("DEVNAME=")]
    said = [w for w in words if w.startswith("KMSCRYPT_")]
    return names + said if said else []


def every(words):
    """What any block device says"""
    if "SUBSYSTEM=block" not in words:
        return []
    return [w for w in words[1:] if w and not w.startswith("SEQNUM=")]


choose = every if sys.argv[1:] == ["all"] else ours
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, KOBJECT_UEVENT)
s.bind((0, 1))
print("listening", flush=True)
while True:
    line = choose(s.recv(65536).decode().split("\0"))
    if line:
        print(*line, flush=True)
