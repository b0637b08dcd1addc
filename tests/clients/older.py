"""A daemon of the first version of the protocol, for clients that speak the second one, too: what they say is handed on to a
daemon of today, but for the versions that they offer it."""

import os
import select
import socket
import threading

from by_hand import HELLO, message, parse


class Older:
    def __init__(self, path, daemon):
        """Listens on path; daemon is the socket of the one that does the work."""
        self.daemon = daemon
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen()
        self.asked = []  # kinds of requests, as they came
        threading.Thread(target=self.serve, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def request(self, data):
        fields = parse(data)
        self.asked.append(max(set(fields) - {1}))
        if HELLO not in fields:
            return data
        return message({1: fields[1], HELLO: message({**parse(fields[HELLO]), 2: 1})})

    def relay(self, client):
        with client, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as daemon:
            daemon.connect(self.daemon)
            while True:
                ready, _, _ = select.select([client, daemon], [], [])
                if client in ready:
                    data = client.recv(4096)
                    if not data:
                        return
                    daemon.send(self.request(data))
                if daemon in ready:
                    data, descriptors, _, _ = socket.recv_fds(daemon, 4096, 3)
                    if not data:
                        return
                    socket.send_fds(client, [data], descriptors)
                    for descriptor in descriptors:
                        os.close(descriptor)
