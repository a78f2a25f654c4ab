"""Enqueue, and say what it took.

python -m benchmarks.peers NAME ORDER       an `Order` as JSON

Prints seconds and processor seconds, without the start of the interpreter.
"""

import json
import sys
import time

from benchmarks.peers import Order, load

name, text = sys.argv[1:]
peer, order = load(name), Order(**json.loads(text))
began, used = time.perf_counter(), time.process_time()
if order.last:
    peer.send_at(order)
elif order.bulk and peer.HAS_BULK:
    peer.send_many(order)
else:
    peer.send(order)
print(time.perf_counter() - began, time.process_time() - used)
