"""Answer questions on a socket until somebody ends this program."""

import socket
import sys

with socket.socket(socket.AF_UNIX) as server:
    server.bind(sys.argv[1])
    server.listen()
    while True:
        connection, _ = server.accept()
        with connection:
            gene = connection.recv(100).decode()
            connection.sendall(f"{gene} is {len(gene)} letters long\n".encode())
