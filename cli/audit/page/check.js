/* The check of a pack, line by line: PROTOCOL.md section 16. What a document's rows and lines come to is
 * in figure.js. Line and subject of what is wrong are the specification's, the words are ours. */

const PACK_MAX = 64 * 1024 * 1024;
const NUMBER_MAX = 2n ** 63n - 1n;

class Bad extends Error {
    constructor(line, subject, why) {
        super(why);
        Object.assign(this, { line, subject });
    }
}

/* One line, read field by field. */
class Line {
    constructor(text, number, whole) {
        Object.assign(this, { text, number, whole, at: 0, subject: 'pack line ' + number });
    }

    bad(why) {
        throw new Bad(this.number, this.subject, why);
    }

    expect(ok, why) {
        if (!ok) this.bad(why);
    }

    kind() {
        const space = this.text.indexOf(' ');
        this.expect(space >= 0, 'it is no line of a pack');
        this.at = space + 1;
        return this.text.slice(0, space);
    }

    field(last, what) {
        const space = this.text.indexOf(' ', this.at), end = last ? this.text.length : space;
        this.expect(last ? space < 0 && this.whole : space >= 0, what + ' does not end where it must');
        this.expect(end > this.at, what + ' is missing');
        const out = this.text.slice(this.at, end);
        this.at = end + 1;
        return out;
    }

    parsed(text, what) {
        this.expect(/^(0|[1-9][0-9]{0,18})$/.test(text) && BigInt(text) <= NUMBER_MAX, what + ' is no number');
        return BigInt(text);
    }

    number_(last, what) {
        return this.parsed(this.field(last, what), what);
    }

    signed(last, what) {
        const text = this.field(last, what), minus = text[0] === '-';
        const value = this.parsed(minus ? text.slice(1) : text, what);
        this.expect(!minus || value, what + ' is minus nothing');
        return minus ? -value : value;
    }

    next(count) {
        this.expect(this.number_(false, 'its number') === BigInt(count), 'its number is not the next');
    }

    one(text, what, count) {
        const n = this.parsed(text, what);
        this.expect(n < BigInt(count), what + ' names a line that has not come');
        return Number(n);
    }

    given(last, what, count) {
        return this.one(this.field(last, what), what, count);
    }

    ref(last, what, count) {
        const text = this.field(last, what);
        return text === '-' ? null : this.one(text, what, count);
    }

    list(last, what, count) {
        const text = this.field(last, what), parts = text === '-' ? [] : text.split(',');
        const out = [];
        for (const part of parts) {
            this.expect(out.length < 64, what + ' is too long');
            out.push(this.one(part, what, count));
        }
        return out;
    }

    hex(last, what) {
        const text = this.field(last, what);
        this.expect(/^[0-9a-f]{64}$/.test(text), what + ' is not 32 bytes in hex');
        return unhex(text);
    }

    base64(last, what, length) {
        const bytes = fromBase64(this.field(last, what));
        this.expect(bytes, what + ' is no base64');
        this.expect(!length || bytes.length === length, what + ' has another length');
        return bytes;
    }

    word(last, what) {
        const text = this.field(last, what);
        this.expect(/^([A-Za-z0-9._:/-]|%[0-9A-F]{2})+$/.test(text), what + ' is no word');
        for (const [, code] of text.matchAll(/%(..)/g))
            this.expect(!/[A-Za-z0-9._:/-]/.test(String.fromCharCode(parseInt(code, 16))), what + ' is not in its one form');
        const bytes = text.replace(/%(..)/g, (_, code) => String.fromCharCode(parseInt(code, 16)));
        return new TextDecoder().decode(Uint8Array.from(bytes, c => c.charCodeAt(0)));
    }
}

/* ---- texts that are signed: C2SP tlog-checkpoint, tlog-cosignature ---- */

const origin = (team, key) => 'tally.invalid/' + hex(team) + '/' + hex(key);
const checkpointText = (name, size, root) => `${name}\n${size}\n${toBase64(root)}\n`;
const cosignatureText = (time, text) => `cosignature/v1\ntime ${time}\n${text}`;

/* ---- kinds of lines ---- */

function teamLine(pack, line) {
    line.subject = 'team';
    pack.team = line.hex(true, 'the team');
}

function aboutLine(pack, line) {
    line.subject = 'about';
    const what = line.field(false, 'what it is about');
    line.expect(['invoice', 'client', 'all'].includes(what), 'a pack is about an invoice, a client or all');
    const name = line.word(false, 'its name');
    const first = line.signed(false, 'the first day'), end = line.signed(true, 'the end day');
    line.expect(first < end && first >= -1000000n && end <= 10000000n, 'its days are no period');
    pack.about = { what, name, first, end };
}

function deviceLine(pack, line) {
    line.next(pack.devices.length);
    line.subject = 'device ' + pack.devices.length;
    const key = line.hex(true, 'its key');
    line.expect(!pack.devices.some(d => same(d.key, key)), 'another device has this key');
    line.expect(pack.devices.length < 1024, 'there are too many devices');
    pack.devices.push({ n: pack.devices.length, key, short: hex(key).slice(0, 8), admitted: false,
        role: '', name: '', member: '', limit: null, reached: 0n, last: null });
}

function nodeLine(pack, line) {
    line.next(pack.nodes.length);
    line.subject = 'node ' + pack.nodes.length;
    pack.nodes.push(line.base64(true, 'its hash', 32));
}

function checkpointLine(pack, line) {
    line.next(pack.checkpoints.length);
    const device = pack.devices[line.given(false, 'its device', pack.devices.length)];
    const size = line.number_(false, 'its size'), name = `checkpoint ${device.short}/${size}`;
    line.subject = name;
    const root = line.base64(false, 'its root', 32), signature = line.base64(false, 'its signature', 64);
    const proof = line.list(true, 'its consistency proof', pack.nodes.length);
    const text = checkpointText(origin(pack.team, device.key), size, root), before = device.last;
    line.expect(size > 0n, 'a checkpoint of nothing');
    line.expect(signed(device.key, joined(text), signature), "its signature is not the device's");
    if (!before) {
        line.expect(!proof.length, 'the first of its device follows from none');
    } else {
        line.expect(size > before.size, 'its size is not above that of the one before');
        line.subject = 'consistency of ' + name;
        line.expect(continues(before.size, size, proof.map(n => pack.nodes[n]), before.root, root),
            'it does not go on from the checkpoint before');
    }
    device.last = { n: pack.checkpoints.length, device, size, root, signature, text, witnesses: [] };
    pack.checkpoints.push(device.last);
}

function cosignatureLine(pack, line) {
    line.next(pack.cosignatures);
    const checkpoint = pack.checkpoints[line.given(false, 'its checkpoint', pack.checkpoints.length)];
    line.subject = `cosignature ${pack.cosignatures} of checkpoint ${checkpoint.device.short}/${checkpoint.size}`;
    const device = pack.devices[line.given(false, 'its device', pack.devices.length)];
    const time = line.number_(false, 'its time'), signature = line.base64(true, 'its signature', 64);
    line.expect(device !== checkpoint.device, 'nobody is a witness of their own');
    line.expect(signed(device.key, joined(cosignatureText(time, checkpoint.text)), signature), "it is not the device's");
    checkpoint.witnesses.push({ device, time });
    pack.cosignatures++;
}

/* ---- items ---- */

function deviceNamed(pack, body, key) {
    const bytes = bytesOf(body, key, 32);
    return bytes ? pack.devices.find(d => same(d.key, bytes)) : undefined;
}

function creation(pack, line, item) {
    const creator = pack.devices[0];
    line.expect(item.device === creator && item.index === 0n && item.kind === 'team.create',
        "the first record is not the team's");
    line.expect(same(item.leaf, pack.team), "its hash is not the team's id");
    line.expect(deviceNamed(pack, item.body, 'sign_key') === creator, 'the team is not of its author');
    Object.assign(creator, { admitted: true, role: 'admin', member: textOf(item.body, 'member'),
        name: textOf(item.body, 'device') });
}

function admit(pack, item) {
    const device = deviceNamed(pack, item.body, 'device'), role = textOf(item.body, 'role');
    if (!device || device.admitted || !['admin', 'member', 'auditor'].includes(role)) return;
    Object.assign(device, { admitted: true, role, member: textOf(item.body, 'member'), name: textOf(item.body, 'name') });
}

function revoke(pack, line, item) {
    const device = deviceNamed(pack, item.body, 'device'), size = countOf(item.body, 'size');
    if (!device || size === null || (device.limit !== null && size >= device.limit)) return;
    if (device !== item.device && (item.device.role !== 'admin' || device.n === 0)) return;
    device.limit = size;
    line.expect(device.reached <= size, 'it takes out a record that stands before it');
}

function maySpeak(pack, line, item) {
    const author = item.device;
    if (!pack.items.length) return creation(pack, line, item);
    line.expect(author.admitted, 'nobody admitted its device before');
    line.expect(author.role !== 'auditor', "its device is an auditor's");
    line.expect(author.limit === null || item.index < author.limit, 'its device was revoked before it');
    if (item.kind === 'device.add' && author.role === 'admin') admit(pack, item);
    if (item.kind === 'device.revoke') revoke(pack, line, item);
    return undefined;
}

function itemLine(pack, line, withheld) {
    line.next(pack.items.length);
    const device = pack.devices[line.given(false, 'its device', pack.devices.length)];
    const index = line.number_(false, 'its index'), name = `record ${device.short}/${index}`;
    line.subject = name;
    const checkpoint = pack.checkpoints[line.given(false, 'its checkpoint', pack.checkpoints.length)];
    const proof = line.list(false, 'its proof', pack.nodes.length);
    const bytes = line.base64(true, withheld ? 'its hash' : 'its bytes', withheld ? 32 : 0);
    const item = { n: pack.items.length, name, device, index, checkpoint, proof, withheld, kind: '', body: new Map() };
    if (withheld) {
        item.leaf = bytes;
    } else {
        try {
            Object.assign(item, record(bytes), { bytes, leaf: leafHash(bytes) });
        } catch (e) {
            if (!(e instanceof NotCanonical)) throw e;
            line.bad('not a canonical record: ' + e.message);
        }
    }
    line.expect(checkpoint.device === device, "its checkpoint is another device's");
    line.expect(index < checkpoint.size, 'its checkpoint does not reach it');
    line.subject = 'proof of ' + name;
    line.expect(includes(index, checkpoint.size, item.leaf, proof.map(n => pack.nodes[n]), checkpoint.root),
        'it does not lead to the root of its checkpoint');
    line.subject = name;
    maySpeak(pack, line, item);
    if (index >= device.reached) device.reached = index + 1n;
    pack.items.push(item);
}

function blobLine(pack, line) {
    line.next(pack.blobs.length);
    line.subject = 'blob ' + pack.blobs.length;
    const id = line.hex(false, 'its id'), bytes = line.base64(true, 'its content', 0);
    line.expect(same(sha256(bytes), id), 'its bytes are not those of its id');
    line.expect(bytes.length >= 16, 'it is too short');
    pack.blobs.push({ id, content: bytes.subarray(16) });
}

function sealLine(pack, line) {
    line.subject = 'seal';
    const device = pack.devices[line.given(false, 'its device', pack.devices.length)];
    const signature = line.base64(true, 'its signature', 64), before = pack.bytes.subarray(0, line.offset);
    const stranger = pack.devices.find(d => !d.admitted);
    if (stranger) line.subject = 'device ' + stranger.n;
    line.expect(!stranger, 'nobody admitted it');
    const text = checkpointText(origin(pack.team, device.key) + '/audit-pack', before.length, sha256(before));
    line.expect(signed(device.key, joined(text), signature), "it is not the device's over the lines before it");
    pack.sealedBy = device;
}

/* ---- lines in their order ---- */

/* kind: place in the order, what reads it, whether it must come and whether only once. */
const KINDS = {
    team: [1, teamLine, 'needed', 'once'],
    about: [2, aboutLine, 'needed', 'once'],
    device: [3, deviceLine, 'needed'],
    node: [4, nodeLine],
    checkpoint: [5, checkpointLine, 'needed'],
    cosignature: [6, cosignatureLine],
    record: [7, (pack, line) => itemLine(pack, line, false), 'needed'],
    leaf: [7, (pack, line) => itemLine(pack, line, true), 'needed'],
    blob: [8, blobLine],
    document: [9, (pack, line) => documentLine(pack, line)],
    day: [9, (pack, line) => dayLine(pack, line)],
    trace: [9, (pack, line) => traceLine(pack, line)],
    line: [9, (pack, line) => invoiceLine(pack, line)],
    seal: [10, sealLine, 'needed', 'once'],
};

function inOrder(last, place, once) {
    if (place < last || (place === last && once)) return false;
    return !Object.values(KINDS).some(([p, , needed]) => needed && p > last && p < place);
}

/* Within a document: its days, then rows and lines as the document has them. */
function inDocument(pack, kind) {
    const d = pack.document, done = !d || d.line === d.lines.length;
    if (kind === 'document' || kind === 'seal') return done;
    if (!['day', 'trace', 'line'].includes(kind)) return true;
    if (done) return false;
    if (kind === 'day') return !d.begun;
    return kind === 'trace' ? d.row < d.rowsEnd : d.row === d.rowsEnd;
}

function readLine(pack, line, last) {
    if (line.number === 1) {
        line.expect(line.whole && line.text === 'tally-audit-pack/1', "it does not begin with 'tally-audit-pack/1'");
        return 0;
    }
    const kind = line.kind(), known = Object.hasOwn(KINDS, kind);
    line.expect(known, 'it is no line of a pack');
    const [place, read, , once] = KINDS[kind];
    line.expect(inOrder(last, place, once) && inDocument(pack, kind), `'${kind}' may not stand here`);
    read(pack, line);
    return place;
}

function emptyPack(bytes) {
    return { bytes, team: null, about: null, devices: [], nodes: [], checkpoints: [], cosignatures: 0,
        items: [], blobs: [], documents: [], document: null, sealedBy: null,
        rows: 0, rowsRecomputed: 0, lines: 0, linesRecomputed: 0 };
}

/* Checks `bytes` (an Uint8Array); yields now and then, so that a page may paint. The last value has the
 * pack as far as it was read, and `bad`: null, or a Bad. */
function* check(bytes) {
    const pack = emptyPack(bytes), latin = new TextDecoder('latin1');
    let at = 0, last = 0, number = 1;
    try {
        if (bytes.length > PACK_MAX) throw new Bad(1, 'pack line 1', 'the pack is too long');
        for (; at < bytes.length; number++) {
            const feed = bytes.indexOf(10, at), end = feed < 0 ? bytes.length : feed;
            const line = new Line(latin.decode(bytes.subarray(at, end)), number, feed >= 0);
            line.offset = at;
            last = readLine(pack, line, last);
            at = end + 1;
            yield at / bytes.length;
        }
        if (last !== KINDS.seal[0]) throw new Bad(number, 'pack line ' + number, 'the pack ends before its seal');
    } catch (e) {
        if (!(e instanceof Bad)) throw e;
        return { pack, bad: e };
    }
    return { pack, bad: null };
}

/* As `tally audit verify --json` says it. */
function verdict(pack, bad) {
    const head = bad ? { line: bad.line, subject: bad.subject, why: bad.message }
        : { line: null, subject: null, why: null, team: hex(pack.team), sealed_by: hex(pack.sealedBy.key) };
    const withheld = pack.items.filter(i => i.withheld).length;
    return { ok: !bad, ...head, devices: pack.devices.length, checkpoints: pack.checkpoints.length,
        cosignatures: pack.cosignatures, records: pack.items.length - withheld, withheld,
        blobs: pack.blobs.length, invoices: pack.documents.length, voided: pack.documents.filter(d => d.voided).length, rows: pack.rows,
        rows_recomputed: pack.rowsRecomputed, lines: pack.lines, lines_recomputed: pack.linesRecomputed };
}
