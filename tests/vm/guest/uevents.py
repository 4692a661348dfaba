#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Prints a line for each uevent of the kernel that has variables KMSCRYPT_*: the
device's name and these variables, in the order in which they come.
"""

import socket

KOBJECT_UEVENT = 15

s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, KOBJECT_UEVENT)
s.bind((0, 1))
print("listening", flush=True)
while True:
    words = s.recv(65536).decode().split("\0")
    ours = [w for w in words if w.startswith("KMSCRYPT_")]
    names = [w[8:] for w in words if w.startswith("DEVNAME=")]
    if ours:
        print(*names, *ours, flush=True)
