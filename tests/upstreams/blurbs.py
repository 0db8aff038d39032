"""Asks a service for blurbs of made-up products, several at once, and says what came: URL, key, a name, how many, and the
text that each is expected to be, if any. The exit code is 1 when an answer is not what it must be: 200 with a text that was
approved, generated or written by people."""

import collections
import concurrent.futures
import json
import sys
import urllib.request

url, key, name, count = sys.argv[1:5]
expected = sys.argv[5] if len(sys.argv) > 5 else None


def ask(number):
    body = {
        "placement": "why-this",
        "product": {"id": f"{name}-{number}", "name": f"Lamp for {name}, {number}"},
        "deadline_ms": 30000,
    }
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, json.load(answer)


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    answers = list(pool.map(ask, range(int(count))))

came = collections.Counter(
    answer["source"] + (f" ({answer['reason']})" if answer["reason"] else "") for _, answer in answers
)
print(f"{name}:", ", ".join(f"{number} {what}" for what, number in sorted(came.items())))
wrong = [
    answer
    for status, answer in answers
    if status != 200 or not answer["text"] or (expected and (answer["text"], answer["source"]) != (expected, "generated"))
]
for answer in wrong:
    print("  not as it must be:", json.dumps(answer))
sys.exit(1 if wrong else 0)
