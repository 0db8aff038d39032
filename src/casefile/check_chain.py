import hashlib, json, sys
prev, last, deleted = None, None, 0
for line in open(sys.argv[1], encoding="utf-8", newline="\n"):
    entry = json.loads(line)
    if prev is not None and (entry["prev"] != prev or entry["seq"] != last + 1):
        sys.exit(f"WRONG: entry {entry['seq']} does not follow entry {last}")
    data = bytes.fromhex(entry["bytes_hex"]) if "bytes_hex" in entry else entry["bytes"].encode()
    if data and hashlib.sha256(entry["prev"].encode() + b"\n" + data).hexdigest() != entry["hash"]:
        sys.exit(f"WRONG: entry {entry['seq']} was changed")
    prev, last, deleted = entry["hash"], entry["seq"], deleted + (not data)
print(f"the chain holds up to entry {last}, whose hash is {prev}; {deleted} entries were deleted for their age")
