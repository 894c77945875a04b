"""The independent oracle: TLS 1.2 key derivation and record protection written from the RFCs.

It shares nothing with the other oracles: the hashes are the ones compiled into the interpreter (not
OpenSSL's), AES is written out from FIPS 197, GCM from NIST SP 800-38D and ChaCha20-Poly1305 from RFC 8439, and
the TLS formulas are its own.
Reads a JSON list of {"kind", "input"} on standard input, writes the list of answers to standard output.
It is an oracle for test vectors: slow, and with no thought of timing.
"""

import hashlib
import hmac
import json
import struct
import sys

# --- hashes -------------------------------------------------------------------------------------------------

builtin_hash = getattr(hashlib, "__get_builtin_constructor")
HASHES = {name: builtin_hash(name.upper()) for name in ("sha1", "sha256", "sha384")}


def mac(hash_name, key, data):
    return hmac.new(key, data, HASHES[hash_name]).digest()


def prf(hash_name, secret, label, seed, length):
    """RFC 5246 section 5."""
    seed = label.encode("ascii") + seed
    output, a = b"", seed
    while len(output) < length:
        a = mac(hash_name, secret, a)
        output += mac(hash_name, secret, a + seed)
    return output[:length]


# --- AES (FIPS 197) -----------------------------------------------------------------------------------------


def times(a, b):
    """Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def make_sbox():
    box = []
    for value in range(256):
        inverse = next((c for c in range(256) if times(value, c) == 1), 0)
        rotated = inverse
        for shift in range(1, 5):
            rotated ^= (inverse << shift | inverse >> (8 - shift)) & 0xFF
        box.append(rotated ^ 0x63)
    return box


SBOX = make_sbox()
INVERSE_SBOX = [SBOX.index(value) for value in range(256)]


def column_tables(box, coefficients):
    """For each row of a column, the word which a byte there adds to the mixed column."""
    tables = []
    for row in range(4):
        rotated = coefficients[-row:] + coefficients[:-row] if row else coefficients
        tables.append([int.from_bytes(bytes(times(c, value) for c in rotated), "big") for value in box])
    return tables


FORWARD = column_tables(SBOX, [2, 1, 1, 3])
BACKWARD = column_tables(INVERSE_SBOX, [14, 9, 13, 11])
UNMIX = column_tables(range(256), [14, 9, 13, 11])


class Aes:
    def __init__(self, key):
        words = list(struct.unpack(">%dI" % (len(key) // 4), key))
        nk, rcon = len(words), 1
        self.rounds = nk + 6
        while len(words) < 4 * (self.rounds + 1):
            word = words[-1]
            if len(words) % nk == 0:
                word = self.substitute((word << 8 | word >> 24) & 0xFFFFFFFF) ^ rcon << 24
                rcon = times(rcon, 2)
            elif nk > 6 and len(words) % nk == 4:
                word = self.substitute(word)
            words.append(words[-nk] ^ word)
        self.forward_keys = words
        groups = [words[i : i + 4] for i in range(0, len(words), 4)][::-1]
        middle = [[self.unmix(word) for word in group] for group in groups[1:-1]]
        self.backward_keys = sum([groups[0], *middle, groups[-1]], [])

    @staticmethod
    def substitute(word):
        return int.from_bytes(bytes(SBOX[byte] for byte in word.to_bytes(4, "big")), "big")

    @staticmethod
    def unmix(word):
        a, b, c, d = word.to_bytes(4, "big")
        return UNMIX[0][a] ^ UNMIX[1][b] ^ UNMIX[2][c] ^ UNMIX[3][d]

    def encrypt(self, block):
        return self.run(block, self.forward_keys, FORWARD, SBOX, 1)

    def decrypt(self, block):
        return self.run(block, self.backward_keys, BACKWARD, INVERSE_SBOX, 3)

    def run(self, block, keys, tables, box, step):
        """Sections 5.1 and 5.3.5; `step` is the direction in which ShiftRows goes."""
        t0, t1, t2, t3 = tables
        s = [word ^ key for word, key in zip(struct.unpack(">4I", block), keys)]
        for base in range(4, 4 * self.rounds, 4):
            s = [
                t0[s[i] >> 24]
                ^ t1[s[(i + step) % 4] >> 16 & 255]
                ^ t2[s[(i + 2) % 4] >> 8 & 255]
                ^ t3[s[(i - step) % 4] & 255]
                ^ keys[base + i]
                for i in range(4)
            ]
        last = [
            box[s[i] >> 24] << 24
            | box[s[(i + step) % 4] >> 16 & 255] << 16
            | box[s[(i + 2) % 4] >> 8 & 255] << 8
            | box[s[(i - step) % 4] & 255]
            for i in range(4)
        ]
        return struct.pack(">4I", *(word ^ key for word, key in zip(last, keys[4 * self.rounds :])))


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def blocks_of(data):
    return [data[i : i + 16] for i in range(0, len(data), 16)]


def cbc_encrypt(key, iv, data):
    aes, output = Aes(key), []
    for block in blocks_of(data):
        iv = aes.encrypt(xor(iv, block))
        output.append(iv)
    return b"".join(output)


def cbc_decrypt(key, iv, data):
    aes, output = Aes(key), []
    for block in blocks_of(data):
        output.append(xor(iv, aes.decrypt(block)))
        iv = block
    return b"".join(output)


# --- GCM (NIST SP 800-38D) ----------------------------------------------------------------------------------


def ghash(h, data):
    y = 0
    for block in blocks_of(data):
        x, v, z = y ^ int.from_bytes(block, "big"), h, 0
        while x:
            if x >> 127:
                z ^= v
            x = x << 1 & (1 << 128) - 1
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
        y = z
    return y.to_bytes(16, "big")


def gcm_crypt_and_tag(key, nonce, aad, data, opening):
    """The data encrypted or decrypted, which is the same, and the tag over the ciphertext."""
    aes = Aes(key)
    counters = range(2, 2 + (len(data) + 15) // 16)
    keystream = b"".join(aes.encrypt(nonce + struct.pack(">I", counter)) for counter in counters)
    crypted = xor(data, keystream)
    ciphertext = data if opening else crypted
    padded = b"".join(part + bytes(-len(part) % 16) for part in (aad, ciphertext))
    h = int.from_bytes(aes.encrypt(bytes(16)), "big")
    digest = ghash(h, padded + struct.pack(">QQ", 8 * len(aad), 8 * len(ciphertext)))
    return crypted, xor(digest, aes.encrypt(nonce + b"\0\0\0\1"))


# --- ChaCha20-Poly1305 (RFC 8439) ---------------------------------------------------------------------------


def chacha20_block(key, counter, nonce):
    """Section 2.3: 64 bytes of keystream."""
    start = struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce)
    s = list(start)
    columns = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    diagonals = [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for a, b, c, d in 10 * (columns + diagonals):
        for to, other, rotated, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[to] = (s[to] + s[other]) & 0xFFFFFFFF
            mixed = s[rotated] ^ s[to]
            s[rotated] = (mixed << bits | mixed >> (32 - bits)) & 0xFFFFFFFF
    return struct.pack("<16I", *((x + y) & 0xFFFFFFFF for x, y in zip(s, start)))


def poly1305(key, data):
    """Section 2.5."""
    r, s = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF, int.from_bytes(key[16:], "little")
    accumulator = 0
    for block in blocks_of(data):
        accumulator = (accumulator + int.from_bytes(block + b"\1", "little")) * r % (2**130 - 5)
    return ((accumulator + s) % 2**128).to_bytes(16, "little")


def chacha20_crypt_and_tag(key, nonce, aad, data, opening):
    """Section 2.8. The data encrypted or decrypted, which is the same, and the tag over the ciphertext."""
    counters = range(1, 1 + (len(data) + 63) // 64)
    crypted = xor(data, b"".join(chacha20_block(key, counter, nonce) for counter in counters))
    ciphertext = data if opening else crypted
    padded = b"".join(part + bytes(-len(part) % 16) for part in (aad, ciphertext))
    lengths = struct.pack("<QQ", len(aad), len(ciphertext))
    return crypted, poly1305(chacha20_block(key, 0, nonce)[:32], padded + lengths)


# --- TLS 1.2 ------------------------------------------------------------------------------------------------

# suite: bytes of the cipher key, AEAD or MAC hash of CBC, PRF hash
SUITES = {
    "TLS_RSA_WITH_AES_128_GCM_SHA256": (16, "gcm", "sha256"),
    "TLS_RSA_WITH_AES_256_GCM_SHA384": (32, "gcm", "sha384"),
    "TLS_RSA_WITH_AES_128_CBC_SHA256": (16, "sha256", "sha256"),
    "TLS_RSA_WITH_AES_256_CBC_SHA256": (32, "sha256", "sha256"),
    "TLS_RSA_WITH_AES_128_CBC_SHA": (16, "sha1", "sha256"),
    "TLS_RSA_WITH_AES_256_CBC_SHA": (32, "sha1", "sha256"),
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384": (32, "sha384", "sha384"),
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": (32, "chacha20", "sha256"),
}
MAC_LENGTH = {"sha1": 20, "sha256": 32, "sha384": 48}
AEAD = {"gcm": gcm_crypt_and_tag, "chacha20": chacha20_crypt_and_tag}
FIXED_IV_LENGTH = {"gcm": 4, "chacha20": 12}
EXPLICIT_NONCE_LENGTH = {"gcm": 8, "chacha20": 0}


def answer_prf(v):
    output = prf(v["hash"], bytes.fromhex(v["secret"]), v["label"], bytes.fromhex(v["seed"]), v["length"])
    return {"output": output.hex()}


def suite_prf(v, secret, label, seed, length):
    return prf(SUITES[v["suite"]][2], bytes.fromhex(v[secret]), label, bytes.fromhex(seed), length)


def answer_master_secret(v):
    """RFC 5246 section 8.1."""
    randoms = v["clientRandom"] + v["serverRandom"]
    return {"masterSecret": suite_prf(v, "preMasterSecret", "master secret", randoms, 48).hex()}


def answer_ems(v):
    """RFC 7627 section 4."""
    secret = suite_prf(v, "preMasterSecret", "extended master secret", v["sessionHash"], 48)
    return {"masterSecret": secret.hex()}


def answer_key_block(v):
    """RFC 5246 section 6.3; GCM: RFC 5288 section 3; ChaCha20-Poly1305: RFC 7905 section 2."""
    key_length, protection, _ = SUITES[v["suite"]]
    mac_length, iv_length = MAC_LENGTH.get(protection, 0), FIXED_IV_LENGTH.get(protection, 0)
    randoms = v["serverRandom"] + v["clientRandom"]
    block = suite_prf(v, "masterSecret", "key expansion", randoms, 2 * (mac_length + key_length + iv_length))
    sides, rest = {"client": {}, "server": {}}, block
    for name, length in (("macKey", mac_length), ("key", key_length), ("iv", iv_length)):
        for side in ("client", "server"):
            sides[side][name], rest = rest[:length].hex(), rest[length:]
    assert not rest
    return {"keyBlock": block.hex(), **sides}


def answer_verify_data(v):
    """RFC 5246 section 7.4.9."""
    label = {"client": "client finished", "server": "server finished"}[v["role"]]
    return {"verifyData": suite_prf(v, "masterSecret", label, v["handshakeHash"], 12).hex()}


def expanded(spec):
    """The bytes of hex, of a hex unit repeated, or of parts joined."""
    if isinstance(spec, str):
        return bytes.fromhex(spec)
    if "repeat" in spec:
        return bytes.fromhex(spec["repeat"]) * spec["count"]
    return b"".join(expanded(part) for part in spec["concat"])


def answer_exporter(v):
    """RFC 5705 section 4."""
    seed = bytes.fromhex(v["clientRandom"]) + bytes.fromhex(v["serverRandom"])
    if v["context"] is not None:
        context = expanded(v["context"])
        seed += struct.pack(">H", len(context)) + context
    return {"keyingMaterial": suite_prf(v, "masterSecret", v["label"], seed.hex(), v["length"]).hex()}


def header(v, length):
    return struct.pack(">QBHH", int(v["sequenceNumber"]), v["contentType"], 0x0303, length)


def aead_nonce(v, protection, explicit):
    """RFC 5288 section 3: salt and explicit nonce. RFC 7905 section 2: the padded sequence number XOR the IV."""
    iv = bytes.fromhex(v["iv"])
    return iv + explicit if protection == "gcm" else xor(iv, int(v["sequenceNumber"]).to_bytes(12, "big"))


def answer_record_protect(v):
    _, protection, _ = SUITES[v["suite"]]
    mac_key, key, record_iv, content = (bytes.fromhex(v[name]) for name in ("macKey", "key", "recordIv", "plaintext"))
    if protection in AEAD:
        nonce = aead_nonce(v, protection, record_iv)
        crypted, tag = AEAD[protection](key, nonce, header(v, len(content)), content, False)
        return {"fragment": (record_iv + crypted + tag).hex()}
    padding = bytes([v["paddingLength"]]) * (v["paddingLength"] + 1)
    if v["encryptThenMac"]:
        body = record_iv + cbc_encrypt(key, record_iv, content + padding)
        return {"fragment": (body + mac(protection, mac_key, header(v, len(body)) + body)).hex()}
    content_mac = mac(protection, mac_key, header(v, len(content)) + content)
    return {"fragment": (record_iv + cbc_encrypt(key, record_iv, content + content_mac + padding)).hex()}


class BadRecordMac(Exception):
    pass


def demand(condition):
    if not condition:
        raise BadRecordMac


def opened(v):
    """The content of a record; raises BadRecordMac."""
    _, protection, _ = SUITES[v["suite"]]
    mac_key, key, fragment = (bytes.fromhex(v[name]) for name in ("macKey", "key", "fragment"))
    if protection in AEAD:
        explicit_length = EXPLICIT_NONCE_LENGTH[protection]
        demand(len(fragment) >= explicit_length + 16)
        explicit, sealed, tag = fragment[:explicit_length], fragment[explicit_length:-16], fragment[-16:]
        nonce = aead_nonce(v, protection, explicit)
        content, right = AEAD[protection](key, nonce, header(v, len(sealed)), sealed, True)
        demand(tag == right)
        return content
    length = MAC_LENGTH[protection]
    body = fragment
    if v["encryptThenMac"]:
        demand(len(fragment) >= length)
        body, tag = fragment[:-length], fragment[-length:]
        demand(tag == mac(protection, mac_key, header(v, len(body)) + body))
    demand(len(body) >= 32 and len(body) % 16 == 0)
    inner = cbc_decrypt(key, body[:16], body[16:])
    count = inner[-1] + 1
    demand(count <= len(inner) and inner[-count:] == inner[-1:] * count)
    inner = inner[:-count]
    if v["encryptThenMac"]:
        return inner
    demand(len(inner) >= length)
    content, tag = inner[:-length], inner[-length:]
    demand(tag == mac(protection, mac_key, header(v, len(content)) + content))
    return content


def answer_record_open(v):
    try:
        content = opened(v)
    except BadRecordMac:
        return {"outcome": "alert", "alert": "bad_record_mac"}
    if len(content) > 2**14:
        return {"outcome": "alert", "alert": "record_overflow"}
    return {"outcome": "ok", "plaintext": content.hex()}


def check_primitives():
    """FIPS 197 appendix C.1 and C.3; test case 2 of the GCM specification; RFC 8439 section 2.8.2."""
    plain = bytes.fromhex("00112233445566778899aabbccddeeff")
    for size, cipher in (
        (16, "69c4e0d86a7b0430d8cdb78070b4c55a"),
        (32, "8ea2b7ca516745bfeafc49904b496089"),
    ):
        aes = Aes(bytes(range(size)))
        assert aes.encrypt(plain).hex() == cipher, "AES encryption"
        assert aes.decrypt(bytes.fromhex(cipher)) == plain, "AES decryption"
    crypted, tag = gcm_crypt_and_tag(bytes(16), bytes(12), b"", bytes(16), False)
    assert (crypted + tag).hex() == "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf", "GCM"
    key, nonce = bytes(range(0x80, 0xA0)), bytes.fromhex("070000004041424344454647")
    aad = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    plain = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you "
        b"only one tip for the future, sunscreen would be it."
    )
    crypted, tag = chacha20_crypt_and_tag(key, nonce, aad, plain, False)
    assert crypted[:16].hex() == "d31a8d34648e60db7b86afbc53ef7ec2", "ChaCha20"
    assert tag.hex() == "1ae10b594f09e26a7e902ecbd0600691", "Poly1305"


if __name__ == "__main__":
    check_primitives()
    json.dump([globals()["answer_" + q["kind"]](q["input"]) for q in json.load(sys.stdin)], sys.stdout)
