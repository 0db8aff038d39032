import hashlib, json, sys
prev, last = None, None
for line in open(sys.argv[1], encoding="utf-8", newline="\n"):
    entry = json.loads(line)
    if prev is not None and (entry["prev"] != prev or entry["seq"] != last + 1):
        sys.exit(f"WRONG: entry {entry['seq']} does not follow entry {last}")
    text = entry["prev"] + "\n" + entry.get("bytes", "")
    if entry.get("bytes") != "" and hashlib.sha256(text.encode()).hexdigest() != entry["hash"]:
        sys.exit(f"WRONG: entry {entry['seq']} was changed")
    prev, last = entry["hash"], entry["seq"]
print(f"the chain holds up to entry {last}, whose hash is {prev}")
