"""Starts a command as systemd does with a socket unit: its datagram socket is descriptor 3."""
import os
import socket
import sys

path, command = sys.argv[1], sys.argv[2:]
bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
bound.bind(path)
bound.setblocking(False)
os.dup2(bound.fileno(), 3)
if bound.fileno() != 3:
    os.set_inheritable(3, True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = "1"
os.set_inheritable(3, True)
os.execv(command[0], command)
