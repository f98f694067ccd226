/* The page's primitives against published vectors (FIPS 180-4, RFC 8032 section 7.1, PROTOCOL.md) and
 * against node's own crypto. Prints one line; throws at the first that does not hold. */
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const t = require('./verify.js');

const bytes = text => Uint8Array.from(Buffer.from(text, 'hex'));

/* ---- hashes ---- */

assert.equal(t.hex(t.sha256(Buffer.from('abc'))), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
assert.equal(t.hex(t.sha512(Buffer.from('abc'))), 'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
    '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f');
for (let n = 0; n < 300; n++) {
    const message = Uint8Array.from({ length: n }, (_, i) => i * 7 + n & 255);
    for (const name of ['sha256', 'sha512'])
        assert.equal(t.hex(t[name](message)), crypto.createHash(name).update(message).digest('hex'), `${name} of ${n}`);
    const text = Buffer.from(message).toString('base64');
    assert.equal(t.toBase64(message), text);
    if (n) assert.deepEqual([...t.fromBase64(text)], [...message]);
}
/* Padding that is missing, bits that are not zero, digits that are none. */
for (const text of ['', 'A', 'AA', 'AAA', 'AB==', 'AAB=', 'A===', 'AA=A', 'AA-_', 'AA\u00e1A', 'AAA\n'])
    assert.equal(t.fromBase64(text), null, JSON.stringify(text));

/* ---- Ed25519: RFC 8032 section 7.1, tests 1 to 3 ---- */

const VECTORS = [
    ['d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', '',
        'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'],
    ['3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c', '72',
        '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'],
    ['fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025', 'af82',
        '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a'],
];
const little = n => bytes(n.toString(16).padStart(64, '0')).reverse();
const number = b => BigInt('0x' + t.hex(Uint8Array.from(b).reverse()));

for (const [key, message, signature] of VECTORS) {
    const k = bytes(key), m = bytes(message), s = bytes(signature);
    assert.ok(t.signed(k, m, s));
    for (let i = 0; i < 64; i += 5) {
        const changed = Uint8Array.from(s);
        changed[i] ^= 1;
        assert.ok(!t.signed(k, m, changed), `byte ${i}`);
    }
    assert.ok(!t.signed(k, Uint8Array.of(...m, 0), s));
    /* S + L satisfies the equation, and is refused (RFC 8032 section 5.1.7). */
    const above = Uint8Array.from([...s.subarray(0, 32), ...little(number(s.subarray(32)) + t.ORDER)]);
    assert.ok(!t.signed(k, m, above));
}
for (let i = 0; i < 20; i++) {
    const { publicKey, privateKey } = crypto.generateKeyPairSync('ed25519');
    const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(12), message = crypto.randomBytes(i * 9);
    assert.ok(t.signed(Uint8Array.from(key), Uint8Array.from(message), Uint8Array.from(crypto.sign(null, message, privateKey))));
}

/* Points of small order as libsodium's ref10 blocklist has them, also with the sign bit, and not canonical. */
const SMALL = ['0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'];
assert.equal(t.SMALL_Y.length, 5, 'the y of the eight points: 0, 1, -1 and two more');
for (const point of SMALL)
    for (const sign of [0, 0x80]) {
        const p = bytes(point);
        p[31] |= sign;
        /* R = p and S = 0 would hold for any message if p were a key of small order. */
        assert.ok(!t.signed(p, new Uint8Array(0), Uint8Array.from([...bytes(SMALL[1]), ...new Uint8Array(32)])), point);
        assert.ok(!t.signed(bytes(VECTORS[0][0]), new Uint8Array(0), Uint8Array.from([...p, ...bytes(VECTORS[0][2]).subarray(32)])));
    }

/* The checkpoint of PROTOCOL.md section 3. */
const team = '0033e1a1cc4f53040b27cd5069d155799720079931a850a22ecdf60f90436bf6';
const note = `tally.invalid/${team}/${VECTORS[0][0]}\n2\ncsV21wvoEW5ZAgdlTKeHlHw3ujgWiXbs2NEJ5UoK6yM=\n`;
const by = bytes('e3f4feda7915c0d2d237f42734f390caf703fd483f0a31c6ac174ddb46a6866818a06bf27d2b9d8ac796c41cca1e4698ee0ebf74d7f9ad30137105c5016f7b0c');
assert.ok(t.signed(bytes(VECTORS[0][0]), Uint8Array.from(Buffer.from(note)), by));
/* Its record 0, whose leaf hash is the team. */
const first = bytes('9401a77461672e616464cf019ca6b1dc00000083a56167656e74ab636c617564652d636f6465a773657373696f6ea27331a3746167a461636d65');
assert.equal(t.hex(t.sha256(Uint8Array.of(0, ...first))), team);
assert.equal(t.record(first).body.get('tag'), 'acme');
assert.ok(t.includes(0n, 2n, bytes(team), [bytes('94ab3a5e4dc754fb9cffcfe58a98da31da19b210972d3839140064e05ca5cc69')],
    bytes('72c576d70be8116e590207654ca787947c37ba38168976ecd8d109e54a0aeb23')));

/* ---- records that break a rule of section 1 ---- */

const BROKEN = {
    'a number that is too long': '9401a16bcc0180', 'a string that is too long': '9401d9016b0080', 'a float': '9401a16b0081a161ca00000000',
    'an extension': '9401a16b0081a161d40000', 'keys out of order': '9401a16b0082a16200a16100', 'a key twice': '9401a16b0082a16100a16100',
    'a key that is no string': '9401a16b00810000', 'a surrogate': '9401a16b0081a161a3eda080', 'an overlong zero': '9401a16b0081a161a2c080',
    'a positive number in a signed form': '9401a16b0081a161d001', 'bytes after it': '9401a16b008000', 'nine deep': '9401a16b0081a1619191919191919100',
    'an end too early': '9401a16b0081a161', 'another version': '9402a16b0080', 'a kind in capitals': '9401a14b0080',
};
assert.ok(t.record(bytes('9401a16b0080')));
assert.ok(t.record(bytes('9401a16b0081a16191919191919100')), 'eight deep');
for (const [what, text] of Object.entries(BROKEN)) assert.throws(() => t.record(bytes(text)), undefined, what);

/* ---- amounts: the two forms of section 1, each amount in one of them ---- */

const AMOUNTS = [['cf7fffffffffffffff', 2n ** 63n - 1n], ['92ce008cbccccf0000000894b74000', 2n ** 63n],
    ['d38000000000000001', 1n - 2n ** 63n], ['92d2ff734333cf000000e03fedd000', -(2n ** 63n)],
    ['92ce0098968000', 10n ** 19n], ['92cf00005af3107a3fffcf000000e8d4a50fff', 10n ** 26n - 1n],
    ['cf8000000000000000', null], ['d38000000000000000', null], ['920000', null], ['92ce008cbccccf0000000894b73fff', null],
    ['92ce00989680cf000000e8d4a51000', null], ['92ce00989680ff', null], ['91ce00989680', null],
    ['92cf00005af3107a400000', null], ['92d3ffffa50cef85c00000', null], ['92cfffffffffffffffff00', null], ['a131', null]];
for (const [form, amount] of AMOUNTS)
    assert.equal(t.amountIn(t.record(bytes('9401a16b0081a176' + form)).body.get('v')), amount, form);

/* ---- prices and time: the examples of sections 6 and 7 ---- */

const usage = over => ({ input: 0n, output: 0n, cache_read: 0n, cache_write_5m: 0n, cache_write_1h: 0n, web_searches: 0n, service: '', ...over });
const row = t.priceRow(new Map([['model', 'm'], ['currency', 'USD'], ['input', 333333n], ['batch', [1n, 2n]]]));
assert.equal(t.priced(row, usage({ input: 1n, service: 'batch' })).pico, 166666n);
assert.equal(t.priced(row, usage({ input: 3n, service: 'batch' })).pico, 500000n);
assert.throws(() => t.priced(row, usage({ output: 1n })));
assert.ok(t.modelTaken('anthropic/claude-sonnet-4.5', 'claude-sonnet-4-5-20250929'));
assert.ok(!t.modelTaken('claude-sonnet-4-5-20250101', 'claude-sonnet-4-5-20250929'));
assert.ok(!t.modelTaken('gpt-5:batch', 'gpt-5'));
/* A person at 0, a run from minute 5 to 40: 15 minutes after the person are engaged, of which 10 lie in minutes 5 to 15. */
const min = 60000n, events = [[0n, 0n, true], [5n * min, 40n * min, false]];
assert.equal(t.engagedIn(events, 10n * min, 15n * min, 0n, 60n * min), 15n * min);
assert.equal(t.engagedIn(events, 10n * min, 15n * min, 5n * min, 60n * min), 10n * min);
assert.equal(t.engagedIn(events, 4n * min, 15n * min, 0n, 60n * min), 10n * min);
console.log('all vectors hold');
