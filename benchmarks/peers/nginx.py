"""nginx as a reverse proxy: what C can do when it looks at nothing."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.peers.peer import Command, Missing, Peer, Place, Ready, Say

CONFIG: Final = """\
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid nginx.pid;
events {{ worker_connections 16384; }}
http {{
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 100000000;
    upstream provider {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 300s;
        }}
    }}
}}
"""

PLACES: Final = "/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin"
"""Where it stands when it is not on a user's PATH."""


def find_nginx() -> str | None:
    """Return the program."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:{PLACES}")


def prepare(_: Path, __: Say) -> Ready | Missing:
    program = find_nginx()
    if program is None:
        return Missing("not installed; `apt-get install nginx-light` brings it")
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    return Ready(said.strip().rpartition("/")[2].split()[0], Path(program).parent)


def command(ready: Ready, place: Place) -> Command:
    path = place.folder / "nginx.conf"
    path.write_text(CONFIG.format(port=place.port, upstream=place.upstream_port))
    folder = f"{place.folder}/"
    log = str(place.folder / "error.log")
    return Command((str(ready.folder / "nginx"), "-p", folder, "-c", str(path), "-e", log))


PEER: Final = Peer(
    name="nginx",
    title="nginx",
    settings=(
        "`proxy_pass` over HTTP/1.1 with 1,024 kept upstream connections, `proxy_buffering off`,"
        " one worker, its access log written to a file. It parses no body and knows no events."
    ),
    prepare=prepare,
    command=command,
)
