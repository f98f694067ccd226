/* Ed25519 verification (RFC 8032), cofactorless and strict: S below the group's order, a canonical
 * key, and neither key nor R of small order. Public data only, so nothing here is constant-time. */

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const mod = n => { const r = n % P; return r < 0n ? r + P : r; };

function power(base, exponent) {
    let out = 1n;
    for (let b = mod(base), e = exponent; e; e >>= 1n) {
        if (e & 1n) out = out * b % P;
        b = b * b % P;
    }
    return out;
}
const inverse = n => power(n, P - 2n);

const D = mod(-121665n * inverse(121666n));
const ROOT_OF_MINUS_1 = power(2n, (P - 1n) / 4n);

const littleEndian = bytes => BigInt('0x' + hex(Uint8Array.from(bytes).reverse()));

/* x for y and the sign of x, or null when y is on no point. */
function xOf(y, sign) {
    const u = mod(y * y - 1n), v = mod(D * y * y + 1n);
    let x = mod(u * power(v, 3n) % P * power(u * power(v, 7n), (P - 5n) / 8n));
    const check = mod(v * x * x);
    if (check === mod(-u) && u) x = mod(x * ROOT_OF_MINUS_1);
    else if (check !== u) return null;
    return (x & 1n) === sign ? x : mod(-x);
}

/* Points are [X, Y, Z, T] with x = X/Z, y = Y/Z, xy = T/Z. */
const point = (x, y) => [x, y, 1n, x * y % P];
const NEUTRAL = point(0n, 1n);

function add(p, q) {
    const a = mod((p[1] - p[0]) * (q[1] - q[0])), b = mod((p[1] + p[0]) * (q[1] + q[0]));
    const c = 2n * D * p[3] % P * q[3] % P, d = 2n * p[2] * q[2] % P;
    const e = b - a, f = d - c, g = d + c, h = b + a;
    return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function doubled(p) {
    const a = p[0] * p[0] % P, b = p[1] * p[1] % P, c = 2n * p[2] * p[2] % P;
    const h = a + b, e = h - (p[0] + p[1]) ** 2n, g = a - b, f = c + g;
    return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

/* Multiples 0 to 15. */
function multiples(p) {
    const out = [NEUTRAL, p];
    while (out.length < 16) out.push(add(out[out.length - 1], p));
    return out;
}

const BASE_Y = mod(4n * inverse(5n));
const BASE = multiples(point(xOf(BASE_Y, 0n), BASE_Y));

function encoded(p) {
    const z = inverse(p[2]), x = mod(p[0] * z), y = mod(p[1] * z);
    return unhex((y | (x & 1n) << 255n).toString(16).padStart(64, '0')).reverse();
}

/* The y of the eight points of small order. */
const SMALL_Y = (() => {
    /* Of order 8: 2P has y = 0, which is x^2 = -y^2 and so D y^4 + 2 y^2 - 1 = 0. */
    const root = n => { const r = power(n, (P + 3n) / 8n); return mod(r * r) === mod(n) ? r : mod(r * ROOT_OF_MINUS_1); };
    const out = [0n, 1n, P - 1n], s = root(1n + D);
    for (const t of [mod((s - 1n) * inverse(D)), mod((-s - 1n) * inverse(D))]) {
        const y = root(t);
        if (mod(y * y) === t) out.push(y, P - y);
    }
    return out;
})();

const yOf = bytes => littleEndian(bytes) & (1n << 255n) - 1n;
const isSmall = bytes => SMALL_Y.includes(mod(yOf(bytes)));

const KEYS = new Map();

/* Multiples of minus the key, or null for a key that is none. */
function keyTable(key) {
    const name = hex(key);
    if (KEYS.has(name)) return KEYS.get(name);
    const y = yOf(key), x = y < P && !isSmall(key) ? xOf(y, BigInt(key[31] >> 7)) : null;
    const table = x === null ? null : multiples(point(mod(-x), y));
    KEYS.set(name, table);
    return table;
}

/* Whether [S]B - [h]A is R, byte by byte. */
function signed(key, message, signature) {
    if (key.length !== 32 || signature.length !== 64) return false;
    const r = signature.subarray(0, 32), s = littleEndian(signature.subarray(32));
    const minusA = keyTable(key);
    if (s >= ORDER || isSmall(r) || !minusA) return false;
    const h = littleEndian(sha512(joined(r, key, message))) % ORDER;
    const digits = n => n.toString(16).padStart(64, '0');
    const sDigits = digits(s), hDigits = digits(h);
    let sum = NEUTRAL;
    for (let i = 0; i < 64; i++) {
        sum = doubled(doubled(doubled(doubled(sum))));
        sum = add(add(sum, BASE[parseInt(sDigits[i], 16)]), minusA[parseInt(hDigits[i], 16)]);
    }
    return same(encoded(sum), r);
}
