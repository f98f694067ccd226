/* Canonical MessagePack, PROTOCOL.md section 1: integers become BigInts, binaries Uint8Arrays, maps
 * Maps. Throws a NotCanonical for all that breaks a rule. */

class NotCanonical extends Error {}

const RECORD_DEPTH = 8;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/* The wide forms: what they are, bytes of their number, the least that needs them. */
const WIDE = {
    0xc4: ['bin', 1, 0], 0xc5: ['bin', 2, 0x100], 0xc6: ['bin', 4, 0x10000],
    0xcc: ['uint', 1, 0x80], 0xcd: ['uint', 2, 0x100], 0xce: ['uint', 4, 0x10000],
    0xcf: ['uint', 8, 0x100000000],
    0xd0: ['int', 1, -33], 0xd1: ['int', 2, -0x81], 0xd2: ['int', 4, -0x8001],
    0xd3: ['int', 8, -0x80000001],
    0xd9: ['str', 1, 32], 0xda: ['str', 2, 0x100], 0xdb: ['str', 4, 0x10000],
    0xdc: ['array', 2, 16], 0xdd: ['array', 4, 0x10000],
    0xde: ['map', 2, 16], 0xdf: ['map', 4, 0x10000],
};

function lessBytes(a, b) {
    const n = Math.min(a.length, b.length);
    for (let i = 0; i < n; i++)
        if (a[i] !== b[i]) return a[i] < b[i];
    return a.length < b.length;
}

class Unpacker {
    constructor(bytes) {
        this.bytes = bytes;
        this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        this.at = 0;
    }

    take(n) {
        if (n > this.bytes.length - this.at) throw new NotCanonical('the bytes end too early');
        this.at += n;
        return this.bytes.subarray(this.at - n, this.at);
    }

    head() {
        const first = this.take(1)[0];
        if (first < 0x80) return ['uint', BigInt(first)];
        if (first < 0x90) return ['map', first & 15];
        if (first < 0xa0) return ['array', first & 15];
        if (first < 0xc0) return ['str', first & 31];
        if (first === 0xc0) return ['value', null];
        if (first === 0xc2 || first === 0xc3) return ['value', first === 0xc3];
        if (first >= 0xe0) return ['uint', BigInt(first - 256)];
        return this.wide(first);
    }

    wide(first) {
        if (!WIDE[first]) throw new NotCanonical('a float, an extension or a reserved type');
        const [type, width, least] = WIDE[first], at = this.at;
        this.take(width);
        const big = width === 8, name = (type === 'int' ? 'Int' : 'Uint') + width * 8;
        const n = this.view['get' + (big ? 'Big' : '') + name](at);
        if (type === 'int' ? n > least : n < least) throw new NotCanonical('not the shortest form');
        return type === 'int' || type === 'uint' ? ['uint', BigInt(n)] : [type, n];
    }

    text(n) {
        try {
            return UTF8.decode(this.take(n));
        } catch (e) {
            if (e instanceof NotCanonical) throw e;
            throw new NotCanonical('a string is not UTF-8');
        }
    }

    map(n, depth) {
        const out = new Map();
        let last = null;
        for (let i = 0; i < n; i++) {
            const [type, length] = this.head();
            if (type !== 'str') throw new NotCanonical('a map key is no string');
            const at = this.at, key = this.text(length), raw = this.bytes.subarray(at, this.at);
            if (last && !lessBytes(last, raw)) throw new NotCanonical('map keys are not in order');
            last = raw;
            out.set(key, this.value(depth));
        }
        return out;
    }

    value(depth) {
        const [type, n] = this.head();
        if (type === 'uint' || type === 'value') return n;
        if (type === 'bin') return this.take(n);
        if (type === 'str') return this.text(n);
        if (depth + 1 > RECORD_DEPTH) throw new NotCanonical('nested too deep');
        if (type === 'map') return this.map(n, depth + 1);
        const out = [];
        while (out.length < n) out.push(this.value(depth + 1));
        return out;
    }

    whole() {
        const out = this.value(0);
        if (this.at !== this.bytes.length) throw new NotCanonical('bytes follow the value');
        return out;
    }
}

const isText = v => typeof v === 'string';
const isInt = v => typeof v === 'bigint';
const isCount = v => isInt(v) && v >= 0n;
const isBytes = (v, n) => v instanceof Uint8Array && v.length === n;

/* { kind, hlc, body } of a record's bytes. */
function record(bytes) {
    if (bytes.length > 65536) throw new NotCanonical('more than 65,536 bytes');
    const value = new Unpacker(bytes).whole();
    if (!Array.isArray(value) || value.length !== 4) throw new NotCanonical('not an array of four');
    const [version, kind, hlc, body] = value;
    if (version !== 1n) throw new NotCanonical('the version is not 1');
    if (!isText(kind) || !/^[a-z0-9._-]{1,64}$/.test(kind)) throw new NotCanonical('its kind is no name');
    if (!isCount(hlc)) throw new NotCanonical('its clock is no number');
    if (!(body instanceof Map)) throw new NotCanonical('its body is no map');
    return { kind, hlc, body };
}

/* Keys of a body in the form that is asked for; what is in another counts as absent. */
const textOf = (body, key) => isText(body.get(key)) ? body.get(key) : '';
const hasText = (body, key) => isText(body.get(key));
const countOf = (body, key) => isCount(body.get(key)) ? body.get(key) : null;
const bytesOf = (body, key, n) => isBytes(body.get(key), n) ? body.get(key) : null;
const INT64_MAX = 2n ** 63n - 1n;
const intOf = (body, key) => isInt(body.get(key)) && body.get(key) <= INT64_MAX ? body.get(key) : null;
/* An amount of money in the one of its two forms that is its own (section 1); null for anything else. */
const AMOUNT_LIMIT = 10n ** 26n;
const fitsInteger = n => n <= INT64_MAX && n >= -INT64_MAX;
function amountIn(v) {
    if (isInt(v)) return fitsInteger(v) ? v : null;
    if (!Array.isArray(v) || v.length !== 2 || !isInt(v[0]) || !fitsInteger(v[0]) || !isCount(v[1]) ||
        v[1] >= 10n ** 12n) return null;
    const n = v[0] * 10n ** 12n + v[1];
    return !fitsInteger(n) && n < AMOUNT_LIMIT && n > -AMOUNT_LIMIT ? n : null;
}
const amountOf = (body, key) => amountIn(body.get(key));
