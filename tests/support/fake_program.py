"""A program that answers as the watcher's do: `python fake_program.py HOST:PORT`; or ends: `... fail`."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

HELD = {"cause": "no_demand", "count": 1, "reason": "nothing waits for room"}
REPLIES = {
    "/-/healthy": {},
    "/api/v1/alerts": {
        "data": {
            "alerts": [
                {
                    "labels": {"alertname": "RayPendingTasks", "ray_scale": "up"},
                    "annotations": {"summary": "3 tasks wait for room"},
                    "state": "firing",
                    "activeAt": "2026-01-01T00:00:00Z",
                }
            ]
        }
    },
    "/api/v1/status": {
        "snapshot": {"usable": True, "source": "gcs", "age_seconds": 0.1, "problem": None, "pending": 3},
        "workers": [{"worker_id": "worker-1-00000a", "state": "RUNNING", "idle_seconds": 0.0, "detail": "pid 7"}],
        "limits": {"min_workers": 0, "max_workers": 5},
        "last_scale_up": {"demand_to_worker": 6.21, "alert": 1.13, "join": 5.05},
        "cooldown": {"up": {"remaining_seconds": 12.0}, "down": {"remaining_seconds": 0.0}},
        "paused": {"up": None, "down": {"text": "paused since noon by anna (benchmark), until it is resumed"}},
        "alertmanager": {"problems": []},
        "standby": None,
        "journal": {"problem": None},
        "decisions": [
            {"id": 1, "at": 0.0, "trigger": "webhook", "actions": [], "held": [HELD], "infeasible": []},
        ],
    },
}


class Answer(BaseHTTPRequestHandler):
    """What the real programs would say."""

    def do_GET(self) -> None:
        reply = REPLIES.get(self.path)
        self.send_response(404 if reply is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(reply).encode())


if __name__ == "__main__":
    if sys.argv[1] == "fail":
        sys.exit("no such setting")
    host, _, port = sys.argv[1].rpartition(":")
    HTTPServer((host, int(port)), Answer).serve_forever()
