"""A synchronous program that stores one record at a time. Arguments: the broker's port, how many records.
Prints records a second, and the median and the 99th percentile of a call in milliseconds."""
import json
import sys
import time
import uuid

import redis

port, calls = int(sys.argv[1]), int(sys.argv[2])
queue = "chouette:metrics:raw"
client = redis.Redis(port=port)
client.ping()
times = []
began = time.perf_counter()
for number in range(calls):
    value = json.dumps({"metric": "a.metric", "type": "count", "value": number, "timestamp": time.time()}).ljust(130)
    record_id = str(uuid.uuid4())
    before = time.perf_counter()
    pipeline = client.pipeline()
    pipeline.zadd(queue + ".keys", {record_id: time.time()})
    pipeline.hset(queue + ".values", record_id, value)
    pipeline.execute()
    times.append(time.perf_counter() - before)
seconds = time.perf_counter() - began
times.sort()
print(json.dumps({
    "rate": round(calls / seconds),
    "p50": round(times[calls // 2] * 1000, 2),
    "p99": round(times[calls * 99 // 100] * 1000, 2),
}))
