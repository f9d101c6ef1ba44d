"""Ask the server on a socket, when it is up, and print its answer."""

import socket
import sys
import time

with socket.socket(socket.AF_UNIX) as client:
    while client.connect_ex(sys.argv[1]):
        time.sleep(0.05)
    client.sendall(sys.argv[2].encode())
    sys.stdout.write(client.recv(100).decode())
