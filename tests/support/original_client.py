"""Stores records in the broker as the original Python client does, by redis-py.

Usage: original_client.py PORT MODE < records, a JSON list of {"queue", "score", "json"}
MODE is pipeline (ZADD and HSET in one MULTI), batch (all records in one MULTI), or single (no MULTI).
"""
import json
import sys
import uuid

import redis

port, mode = int(sys.argv[1]), sys.argv[2]
client = redis.Redis(host="127.0.0.1", port=port)


def store(to, record):
    key = str(uuid.uuid4())
    to.zadd(f"{record['queue']}.keys", {key: record["score"]})
    to.hset(f"{record['queue']}.values", key, record["json"])


records = json.load(sys.stdin)
if mode == "batch":
    pipeline = client.pipeline()
    for record in records:
        store(pipeline, record)
    assert pipeline.execute() == [1] * (2 * len(records))
for record in records if mode != "batch" else []:
    if mode == "single":
        store(client, record)
    else:
        pipeline = client.pipeline()
        store(pipeline, record)
        assert pipeline.execute() == [1, 1]

assert client.ping() is True
assert client.info()["role"] == "master"
queues = {record["queue"] for record in records}
print(json.dumps({queue: [client.zcard(f"{queue}.keys"), client.hlen(f"{queue}.values")] for queue in queues}))
