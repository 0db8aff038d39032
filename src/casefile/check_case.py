import hashlib, html, re, sys
page = open(sys.argv[1], encoding="utf-8", newline="").read()
taken = lambda kind: [(int(seq), first, hash, html.unescape(text)) for seq, first, hash, text in re.findall(
    rf'<pre class="{kind}" data-seq="(\d+)" data-first="(\w+)" data-hash="(\w+)">(.*?)</pre>', page, re.S)]
entries, payloads = taken("entry"), taken("payload")
bad = [f"entry {seq}" for seq, prev, hash, text in entries
       if hashlib.sha256((prev + "\n" + text).encode()).hexdigest() != hash]
bad += [f"payload {seq}" for seq, salt, hash, text in payloads
        if hashlib.sha256(bytes.fromhex(salt) + text.encode()).hexdigest() != hash
        or not any(seq == other and f'"payload_hash":"{hash}"' in entry for other, _, _, entry in entries)]
print("WRONG: " + ", ".join(bad) if bad else f"{len(entries)} entries and {len(payloads)} payloads hold")
sys.exit(bool(bad) or not entries)
