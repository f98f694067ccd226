/* SHA-256, SHA-512 (FIPS 180-4), bytes as text, and the trees of RFC 6962. Written for this page: it
 * shares nothing with the program that made the pack. */
'use strict';

/* The first 64 (or fewer) bits of the fractional parts of roots of primes, worked out, not copied. */
function rootBits(n, root, bits) {
    const scaled = BigInt(n) << BigInt(bits * root);
    let low = 0n, high = 1n << BigInt(bits + 10);
    while (low < high) {
        const middle = (low + high + 1n) >> 1n;
        if (middle ** BigInt(root) <= scaled) low = middle;
        else high = middle - 1n;
    }
    return low & ((1n << BigInt(bits)) - 1n);
}

const PRIMES = [];
for (let n = 2; PRIMES.length < 80; n++)
    if (PRIMES.every(p => n % p)) PRIMES.push(n);

const K256 = Int32Array.from(PRIMES.slice(0, 64), p => Number(rootBits(p, 3, 32)) | 0);
const H256 = Int32Array.from(PRIMES.slice(0, 8), p => Number(rootBits(p, 2, 32)) | 0);
const K512 = PRIMES.map(p => rootBits(p, 3, 64));
const H512 = PRIMES.slice(0, 8).map(p => rootBits(p, 2, 64));

/* The message, 0x80, zeros, and its length in bits, in whole blocks. */
function padded(bytes, block) {
    const tail = block / 8, size = Math.ceil((bytes.length + 1 + tail) / block) * block;
    const out = new Uint8Array(size), view = new DataView(out.buffer);
    out.set(bytes);
    out[bytes.length] = 0x80;
    view.setUint32(size - 8, Math.floor(bytes.length / 0x20000000));
    view.setUint32(size - 4, bytes.length * 8 >>> 0);
    return view;
}

function sha256(bytes) {
    const view = padded(bytes, 64), h = Int32Array.from(H256), w = new Int32Array(64);
    for (let at = 0; at < view.byteLength; at += 64) {
        for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
        for (let i = 16; i < 64; i++) {
            const x = w[i - 15], y = w[i - 2];
            const s0 = (x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3;
            const s1 = (y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1 | 0;
        }
        let [a, b, c, d, e, f, g, k] = h;
        for (let i = 0; i < 64; i++) {
            const s1 = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
            const s0 = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
            const t = k + s1 + (e & f ^ ~e & g) + K256[i] + w[i] | 0;
            const u = s0 + (a & b ^ a & c ^ b & c) | 0;
            k = g; g = f; f = e; e = d + t | 0; d = c; c = b; b = a; a = t + u | 0;
        }
        [a, b, c, d, e, f, g, k].forEach((v, i) => { h[i] = h[i] + v | 0; });
    }
    const out = new DataView(new ArrayBuffer(32));
    h.forEach((v, i) => out.setInt32(4 * i, v));
    return new Uint8Array(out.buffer);
}

/* Only for signatures: short messages, so 64-bit words may be BigInts. */
function sha512(bytes) {
    const MASK = (1n << 64n) - 1n, view = padded(bytes, 128), h = [...H512], w = [];
    const turn = (x, n) => (x >> n | x << 64n - n) & MASK;
    for (let at = 0; at < view.byteLength; at += 128) {
        for (let i = 0; i < 16; i++) w[i] = view.getBigUint64(at + 8 * i);
        for (let i = 16; i < 80; i++) {
            const x = w[i - 15], y = w[i - 2];
            w[i] = w[i - 16] + (turn(x, 1n) ^ turn(x, 8n) ^ x >> 7n) + w[i - 7] +
                (turn(y, 19n) ^ turn(y, 61n) ^ y >> 6n) & MASK;
        }
        let [a, b, c, d, e, f, g, k] = h;
        for (let i = 0; i < 80; i++) {
            const t = k + (turn(e, 14n) ^ turn(e, 18n) ^ turn(e, 41n)) + (e & f ^ (e ^ MASK) & g) +
                K512[i] + w[i];
            const u = (turn(a, 28n) ^ turn(a, 34n) ^ turn(a, 39n)) + (a & b ^ a & c ^ b & c);
            k = g; g = f; f = e; e = d + t & MASK; d = c; c = b; b = a; a = t + u & MASK;
        }
        [a, b, c, d, e, f, g, k].forEach((v, i) => { h[i] = h[i] + v & MASK; });
    }
    const out = new DataView(new ArrayBuffer(64));
    h.forEach((v, i) => out.setBigUint64(8 * i, v));
    return new Uint8Array(out.buffer);
}

/* ---- bytes and text ---- */

const ASCII = new TextEncoder();

/* Strings are UTF-8, numbers are single bytes. */
function joined(...parts) {
    const chunks = parts.map(p => typeof p === 'string' ? ASCII.encode(p)
        : typeof p === 'number' ? Uint8Array.of(p) : p);
    const out = new Uint8Array(chunks.reduce((n, c) => n + c.length, 0));
    chunks.reduce((at, c) => (out.set(c, at), at + c.length), 0);
    return out;
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
const hex = bytes => Array.from(bytes, b => HEX[b]).join('');
const unhex = text => Uint8Array.from(text.match(/../g) || [], pair => parseInt(pair, 16));
const same = (a, b) => a.length === b.length && a.every((v, i) => v === b[i]);

const SIXTY_FOUR = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const SIX_BITS = new Int8Array(128).fill(-1);
[...SIXTY_FOUR].forEach((c, i) => { SIX_BITS[c.charCodeAt(0)] = i; });

/* RFC 4648 section 4, padded, unused bits zero; null for anything else, also for no bytes. */
function fromBase64(text) {
    const pad = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0, used = text.length - pad;
    if (text.length % 4 || used === 0) return null;
    const out = new Uint8Array(text.length / 4 * 3 - pad);
    let bits = 0, held = 0, at = 0;
    for (let i = 0; i < used; i++) {
        const code = text.charCodeAt(i), six = code < 128 ? SIX_BITS[code] : -1;
        if (six < 0) return null;
        bits = (bits << 6 | six) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[at++] = bits >> held & 0xff;
        }
    }
    return bits & (1 << held) - 1 ? null : out;
}

function toBase64(bytes) {
    let out = '';
    for (let i = 0; i < bytes.length; i += 3) {
        const n = bytes[i] << 16 | (bytes[i + 1] || 0) << 8 | (bytes[i + 2] || 0);
        const left = Math.min(bytes.length - i, 3);
        for (let k = 0; k < 4; k++) out += k <= left ? SIXTY_FOUR[n >> 18 - 6 * k & 63] : '=';
    }
    return out;
}

/* ---- trees: RFC 6962, checked as RFC 9162 section 2.1.3.2 and 2.1.4.2 say ---- */

const leafHash = record => sha256(joined(0, record));
const nodeHash = (left, right) => sha256(joined(1, left, right));

/* Whether `proof` leads from the leaf at `index` to `root`. Index and size are BigInts. */
function includes(index, size, leaf, proof, root) {
    let fn = index, sn = size - 1n, hash = leaf;
    for (const other of proof) {
        if (sn === 0n) return false;
        if (fn & 1n || fn === sn) {
            hash = nodeHash(other, hash);
            while (!(fn & 1n) && fn) { fn >>= 1n; sn >>= 1n; }
        } else {
            hash = nodeHash(hash, other);
        }
        fn >>= 1n;
        sn >>= 1n;
    }
    return sn === 0n && same(hash, root);
}

/* Whether the tree of `size` begins with the one of `before`; 0 < before < size. */
function continues(before, size, proof, rootBefore, root) {
    const path = before & before - 1n ? [...proof] : [rootBefore, ...proof];
    if (!proof.length) return false;
    let fn = before - 1n, sn = size - 1n;
    while (fn & 1n) { fn >>= 1n; sn >>= 1n; }
    let fr = path[0], sr = path[0];
    for (const other of path.slice(1)) {
        if (sn === 0n) return false;
        if (fn & 1n || fn === sn) {
            fr = nodeHash(other, fr);
            sr = nodeHash(other, sr);
            while (!(fn & 1n) && fn) { fn >>= 1n; sn >>= 1n; }
        } else {
            sr = nodeHash(sr, other);
        }
        fn >>= 1n;
        sn >>= 1n;
    }
    return sn === 0n && same(fr, rootBefore) && same(sr, root);
}
