/* The page's verifier under node: `node tests/pack/verify.js FILE` prints the verdict on a pack or on a
 * page as `tally audit verify --json` does; `--flips FILE SEED COUNT` changes random bytes and prints
 * "offset byte line subject" for each, `--swaps` fields: "line field value line subject"; `--vectors` holds the primitives to published vectors. */
'use strict';
const fs = require('fs');
const path = require('path');
const vm = require('vm');
const crypto = require('crypto');

const folder = path.join(__dirname, '..', '..', 'cli', 'audit', 'page');
const parts = ['hash.js', 'ed25519.js', 'msgpack.js', 'price.js', 'figure.js', 'check.js'];
const source = '(() => {' + parts.map(name => fs.readFileSync(path.join(folder, name), 'utf8')).join('') +
    '\nreturn { check, verdict, sha256, sha512, signed, SMALL_Y, ORDER, hex, unhex, fromBase64, toBase64, record, ' +
    'priced, priceRow, usageOf, modelTaken, amountIn, includes, continues, engagedIn };})()';
const tally = vm.runInThisContext(source, { filename: 'cli/audit/page' });
module.exports = tally;

/* What stands in a page's element; of any other file all of it. */
function packOf(file) {
    const begin = '<script id="pack" type="text/plain">', at = file.indexOf(begin);
    if (at < 0) return file;
    const end = file.indexOf('</script>', at);
    return file.subarray(at + begin.length, end < 0 ? file.length : end);
}

function verify(bytes) {
    const steps = tally.check(Uint8Array.from(bytes));
    let step = steps.next();
    while (!step.done) step = steps.next();
    return tally.verdict(step.value.pack, step.value.bad);
}

/* SHA-256 of seed and counter, as a stream of numbers. */
function* numbers(seed) {
    for (let i = 0; ; i++)
        yield crypto.createHash('sha256').update(`${seed}/${i}`).digest().readUInt32BE();
}

function flips(bytes, seed, count) {
    const random = numbers(seed);
    for (let i = 0; i < count; i++) {
        const at = random.next().value % bytes.length, copy = Buffer.from(bytes);
        copy[at] = (copy[at] + 1 + random.next().value % 255) % 256;
        const v = verify(copy);
        console.log([at, copy[at], v.ok ? 'ok' : `${v.line} ${v.subject}`].join(' '));
    }
}

/* What a packer could say instead: a field of one line in the place of another's. The seal comes after all
 * of them, so what is wrong is found first. */
function swaps(bytes, seed, count) {
    const random = numbers(seed), upTo = n => random.next().value % n;
    const lines = bytes.toString('latin1').split('\n'), kindOf = line => line.split(' ')[0];
    const kinds = ['checkpoint', 'record', 'leaf', 'blob', 'day', 'trace', 'trace', 'line'];
    for (let done = 0; done < count;) {
        const kind = kinds[upTo(kinds.length)], all = lines.flatMap((l, i) => kindOf(l) === kind ? [i] : []);
        if (!all.length) continue;
        const at = all[upTo(all.length)], fields = lines[at].split(' ');
        const others = lines.filter(l => l.startsWith(kind + ' ') && l !== lines[at]);
        if (fields.length < 3 || !others.length) continue;
        const which = 1 + upTo(fields.length - 1), was = fields[which];
        fields[which] = others[upTo(others.length)].split(' ')[which];
        if (fields[which] === was) continue;
        const v = verify(Buffer.from(lines.map((l, i) => i === at ? fields.join(' ') : l).join('\n'), 'latin1'));
        console.log([at + 1, which + 1, fields[which], v.ok ? 'ok' : `${v.line} ${v.subject}`].join(' '));
        done++;
    }
}

if (require.main === module) {
    const [mode, file, seed, count] = process.argv.slice(2);
    if (mode === '--flips' || mode === '--swaps') {
        (mode === '--flips' ? flips : swaps)(packOf(fs.readFileSync(file)), seed, Number(count));
    } else if (mode === '--vectors') {
        require('./vectors.js');
    } else {
        const v = verify(packOf(fs.readFileSync(mode)));
        console.log(JSON.stringify(v));
        process.exitCode = v.ok ? 0 : 1;
    }
}
