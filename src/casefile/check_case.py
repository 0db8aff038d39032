import hashlib, html, re, sys
page = open(sys.argv[1], encoding="utf-8", newline="").read()
taken = lambda kind: [(seq, first, hash, html.unescape(text)) for seq, first, hash, text in re.findall(
    rf'<pre class="{kind}" data-seq="(\d+)" data-first="(\w*)" data-hash="(\w+)">(.*?)</pre>', page, re.S)]
sha = lambda data: hashlib.sha256(data).hexdigest()
entries, beside = taken("entry"), taken("payload")
bad = [f"entry {seq}" for seq, prev, hash, text in entries if sha((prev + "\n" + text).encode()) != hash]
bad += [f"payload {seq}" for seq, salt, hash, text in beside if sha(bytes.fromhex(salt) + text.encode()) != hash
        or not any(seq == other and f'_hash":"{hash}"' in entry for other, _, _, entry in entries)]
print("WRONG: " + ", ".join(bad) if bad else f"{len(entries)} entries and {len(beside)} payloads hold")
sys.exit(bool(bad) or not entries)
