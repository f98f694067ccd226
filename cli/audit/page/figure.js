/* Documents of a pack worked out again: sums, rows and lines. PROTOCOL.md section 16, "A document", "A row",
 * "A line"; amounts are BigInts, of pico-units where nothing else is said. */

const DAY_MIN = 79200000n, DAY_MAX = 93600000n, MINUTE = 60000n, HOUR = 3600000n;
const MINUTES_MAX = 100000n;
const PICO = 10n ** 12n;
const BLOCKS = ['engineering', 'compute', 'credits'];
const NO_LEAF = new Uint8Array(32);

const magnitude = n => n < 0n ? -n : n;
/* n / by, half away from zero. */
const rounded = (n, by) => (n < 0n ? -1n : 1n) * ((magnitude(n) + by / 2n) / by);
const toMinor = (pico, decimals) => rounded(pico, 10n ** (12n - decimals));

/* ---- the document's form: section 15 ---- */

const INT64 = v => isInt(v) && v <= INT64_MAX;
const UINT32 = v => isCount(v) && v < 1n << 32n;
const HASH = v => isBytes(v, 32);
const shape = (type, names) => names.split(' ').map(n => [n, type]);
const HEAD = Object.fromEntries([
    ...shape(isText, 'basis client contract currency number po_number terms timezone title'),
    ...shape(INT64, 'due due_day end_day first_day issue_day net paid subtotal_compute subtotal_credits ' +
        'subtotal_engineering tax total'),
    ...shape(HASH, 'team trace_digest'), ['decimals', v => isCount(v) && v <= 12n], ['milestone', UINT32]]);
const PARTY = Object.fromEntries(shape(isText, 'bic city company_id contact country email iban name payee ' +
    'postcode region street street2 tax_id'));
const LINE = Object.fromEntries([
    ...shape(isText, 'category description detail tax_category unit'), ...shape(INT64, 'amount price quantity'),
    ['block', v => isCount(v) && v <= 2n], ['kind', v => isCount(v) && v <= 8n], ['tax_rate', UINT32],
    ['trace_count', UINT32], ['with_agent', v => typeof v === 'boolean']]);
const TAX = Object.fromEntries([...shape(INT64, 'base tax'), ...shape(isText, 'category reason'), ['rate', UINT32]]);

/* The map as an object; null when its keys are not exactly these. */
function shaped(map, form) {
    if (!(map instanceof Map) || map.size !== Object.keys(form).length) return null;
    return [...map].every(([k, v]) => Object.hasOwn(form, k) && form[k](v)) ? Object.fromEntries(map) : null;
}

function shapedAll(list, form) {
    const out = Array.isArray(list) && list.length <= 10000 ? list.map(m => shaped(m, form)) : [null];
    return out.includes(null) ? null : out;
}

function traceRow(v) {
    if (!Array.isArray(v) || v.length !== 9) return null;
    const [entry, leaf, what, day, ms, cost, currency, part, parts] = v, pico = amountIn(cost);
    const right = isBytes(entry, 16) && HASH(leaf) && isText(what) && INT64(day) && INT64(ms) && pico !== null &&
        isText(currency) && isCount(part) && isCount(parts);
    return right ? { entry, leaf, what, day, ms, pico, currency, part, parts } : null;
}

/* The bytes of the ninth element. */
function traceBytes(content) {
    const unpacker = new Unpacker(content);
    unpacker.head();
    for (let i = 0; i < 8; i++) unpacker.value(1);
    return content.subarray(unpacker.at);
}

/* The document, or null for bytes that are none. */
function documentOf(content) {
    let v;
    try {
        v = new Unpacker(content).whole();
    } catch (e) {
        if (!(e instanceof NotCanonical)) throw e;
        return null;
    }
    if (!Array.isArray(v) || v.length !== 9 || v[0] !== 'tally-invoice/1') return null;
    const d = { head: shaped(v[1], HEAD), seller: shaped(v[2], PARTY), buyer: shaped(v[3], PARTY),
        lines: shapedAll(v[4], LINE), taxes: shapedAll(v[5], TAX), clauses: v[6], frontier: v[7] };
    if (!d.head || !d.seller || !d.buyer || !d.lines || !d.taxes) return null;
    if (!Array.isArray(v[6]) || v[6].length > 100 || !v[6].every(isText)) return null;
    const pair = p => Array.isArray(p) && p.length === 2 && HASH(p[0]) && isCount(p[1]);
    if (!Array.isArray(v[7]) || v[7].length > 4096 || !v[7].every(pair) || !Array.isArray(v[8])) return null;
    const wanted = d.lines.reduce((n, l) => n + l.trace_count, 0n), given = BigInt(v[8].length);
    d.trace = v[8].map(traceRow);
    if (given !== (wanted > 100000n ? 0n : wanted) || d.trace.includes(null)) return null;
    let at = 0;
    for (const line of d.lines) {
        line.first = at;
        at = line.end = at + (given ? Number(line.trace_count) : 0);
    }
    return Object.assign(d, { traceHash: sha256(traceBytes(content)) });
}

/* ---- the line `document` ---- */

function headsAgree(pack, line, d) {
    const is = (item, key) => {
        line.subject = key;
        line.expect(hasText(item.body, key) && textOf(item.body, key) === d.head[key],
            `the document and the record ${item.kind} differ`);
    };
    is(d.issue, 'number');
    for (const key of ['contract', 'client']) { is(d.issue, key); is(d.contract, key); }
    is(d.issue, 'currency');
    line.subject = 'total';
    line.expect(intOf(d.issue.body, 'total') === d.head.total, 'the document and the record invoice.issue differ');
    line.subject = 'team';
    line.expect(same(d.head.team, pack.team), "the document is another team's");
    line.subject = 'trace digest';
    const digest = bytesOf(d.issue.body, 'trace', 32);
    line.expect(digest && same(digest, d.head.trace_digest), 'the document and the record invoice.issue differ');
    line.expect(!d.trace.length || same(d.traceHash, digest), 'the rows of its trace are others');
}

function sumsHold(line, d) {
    const sum = list => list.reduce((n, l) => n + l.amount, 0n);
    const is = (subject, ok, why) => { line.subject = subject; line.expect(ok, why); };
    d.lines.forEach((l, i) => is(`line ${i + 1} amount`, rounded(l.quantity * l.price, 100n) === l.amount,
        'it is not its quantity times its price'));
    BLOCKS.forEach((name, b) => is('subtotal ' + name,
        sum(d.lines.filter(l => l.block === BigInt(b))) === d.head['subtotal_' + name], 'it is not the sum of its lines'));
    is('net', sum(d.lines) === d.head.net, 'it is not the sum of the lines');
    d.taxes.forEach((t, i) => {
        const base = sum(d.lines.filter(l => l.tax_category === t.category && l.tax_rate === t.rate));
        is(`tax ${i + 1}`, base === t.base, 'its base is not the sum of its lines');
        is(`tax ${i + 1}`, rounded(base * t.rate, 10000n) === t.tax, 'it is not its base times its rate');
    });
    is('tax', d.taxes.reduce((n, t) => n + t.tax, 0n) === d.head.tax, 'it is not the sum of the taxes');
    is('total', d.head.net + d.head.tax === d.head.total, 'it is not net and tax');
}

function beginLine(d) {
    if (d.line === d.lines.length) return;
    Object.assign(d, { row: d.lines[d.line].first, rowsEnd: d.lines[d.line].end });
}

function documentLine(pack, line) {
    line.next(pack.documents.length);
    line.subject = 'document ' + pack.documents.length;
    const count = pack.items.length, blob = pack.blobs[line.given(false, 'its blob', pack.blobs.length)];
    const issue = pack.items[line.given(false, 'its invoice.issue', count)];
    const contract = pack.items[line.given(false, 'its contract.set', count)];
    const n = line.ref(true, 'its engaged.set', count), engaged = n === null ? null : pack.items[n];
    line.expect(issue.kind === 'invoice.issue', 'it names no invoice.issue');
    line.expect(contract.kind === 'contract.set', 'it names no contract.set');
    line.expect(!engaged || engaged.kind === 'engaged.set', 'it names no engaged.set');
    const id = bytesOf(issue.body, 'document', 32), hash = bytesOf(issue.body, 'sha256', 32);
    line.expect(id && same(id, blob.id), 'the blob is not what the invoice.issue names');
    line.expect(hash && same(hash, sha256(blob.content)), 'its SHA-256 is not what the invoice.issue names');
    const d = documentOf(blob.content);
    line.expect(d, "these bytes are no invoice's document");
    Object.assign(d, { issue, contract, engaged, line: 0, row: 0, rowsEnd: 0, begun: false, days: [],
        billed: new Map() });
    d.voided = pack.items.find(i => i.kind === 'invoice.void' && hasText(i.body, 'number') &&
        textOf(i.body, 'number') === textOf(issue.body, 'number') && same(bytesOf(i.body, 'issue', 32) || [], issue.leaf));
    pack.documents.push(d);
    pack.document = d;
    headsAgree(pack, line, d);
    sumsHold(line, d);
    beginLine(d);
}

function dayLine(pack, line) {
    const day = line.signed(false, 'its day'), days = pack.document.days, last = days[days.length - 1];
    line.expect(day >= -1000000n && day <= 10000000n, 'its day is out of range');
    line.subject = 'day ' + dateOf(day);
    const start = line.number_(false, 'its start'), end = line.number_(true, 'its end');
    line.expect(!last || day > last.day, 'it is not after the day before');
    line.expect(end - start >= DAY_MIN && end - start <= DAY_MAX, 'it is not as long as a day');
    line.expect(!last || (day === last.day + 1n ? start === last.end : start >= last.end),
        'it does not follow the day before');
    days.push({ day, start, end });
}

/* ---- a row ---- */

/* Collects why something is claimed and how what is recomputed came about. */
class Figure {
    constructor() { Object.assign(this, { claimed: [], steps: [] }); }
    claim(why) { this.claimed.push(why); }
    step(words) { this.steps.push(words); }
}

const shareOf = (amount, row) => {
    const whole = magnitude(amount) * row.part / row.parts, sign = amount < 0n ? -1n : 1n;
    return [sign * whole, row.part < row.parts ? sign * (whole + 1n) : sign * whole];
};

function shareHolds(line, amount, row, figure) {
    line.expect(shareOf(amount, row).includes(figure), 'its figure is not what its record and its rate come to');
}

function itemHolds(line, row, f) {
    if (!row.item) {
        line.expect(same(row.leaf, NO_LEAF), 'its record is not named');
        return f.claim('no record describes it');
    }
    line.expect(same(row.leaf, row.item.leaf), 'its record is another');
    if (row.item.withheld) return f.claim('its record is withheld');
    line.expect(row.item.kind === row.what, 'its record is of another kind');
    return undefined;
}

function sessionsHold(line, row) {
    if (!row.sessions.length) return;
    line.expect(row.what === 'cost' || row.what === 'session', 'it is of no session');
    row.sessions.forEach((s, i) => {
        const child = row.sessions[i - 1];
        if (s.withheld) return;
        line.expect(s.kind === 'session', 'it names no session');
        line.expect(!child || child.withheld || (textOf(s.body, 'agent') === textOf(child.body, 'agent') &&
            textOf(s.body, 'id') === textOf(child.body, 'parent')), 'a session is not the parent of the one before it');
    });
    const first = row.sessions[0], item = row.item;
    if (row.what === 'session') line.expect(first === item, 'its session is another');
    else if (!first.withheld && item && !item.withheld)
        line.expect(textOf(first.body, 'agent') === textOf(item.body, 'agent') &&
            textOf(first.body, 'id') === textOf(item.body, 'session'), 'its session is another');
}

const ANOTHER = 'what decided says another share or client';

function splitHolds(line, row, client, f) {
    const shares = row.decided.body.get('shares'), share = s => Array.isArray(s) && s.length === 3 && isText(s[0]) &&
        isCount(s[2]) && s[2] <= 1000000n;
    line.expect(Array.isArray(shares) && shares.every(share), ANOTHER);
    line.expect(shares.reduce((n, s) => n + s[2], 0n) === row.parts, ANOTHER);
    const own = shares.filter(s => s[2] === row.part).map(s => s[0]);
    line.expect(own.includes(client) || own.includes(''), ANOTHER);
    if (!own.includes(client)) f.claim('the split names a project, not the client');
}

function targetHolds(line, row, f) {
    const body = row.decided.body, entry = bytesOf(body, 'entry', 16);
    const about = 'what decided is about something else';
    if (entry) return line.expect(same(entry, row.entry), about);
    const match = s => !s.withheld && textOf(s.body, 'agent') === textOf(body, 'agent') &&
        textOf(s.body, 'id') === textOf(body, 'session');
    if (row.sessions.some(match)) return undefined;
    line.expect(!row.sessions.length || row.sessions.some(s => s.withheld), about);
    return f.claim('the session that was decided about is withheld');
}

function decisionHolds(line, row, client, f) {
    const { decided } = row;
    if (!decided || decided.withheld) return f.claim('what decided whose it is is withheld');
    const person = ['assign', 'split'].includes(decided.kind);
    const typed = decided === row.item && ['time.add', 'expense'].includes(decided.kind);
    line.expect(person || typed || decided.kind === 'rule.set', 'what decided whose it is decides nothing');
    if (decided.kind === 'split') {
        splitHolds(line, row, client, f);
    } else {
        const named = textOf(decided.body, 'client');
        line.expect(row.part === row.parts && (!named || named === client), ANOTHER);
        if (!named) f.claim('what decided names a project, not the client');
    }
    return person ? targetHolds(line, row, f) : undefined;
}

/* ---- its figure ---- */

function entryOf(body) {
    const kept = textOf(body, 'source') === 'imported' ? bytesOf(body, 'entry', 16) : null;
    return kept || sha256(joined('cost', 0, textOf(body, 'agent'), 0, textOf(body, 'key'))).subarray(0, 16);
}

function pricedHolds(line, row, f) {
    const { body } = row.item;
    let price, cost;
    line.expect(row.rate.kind === 'price.set', 'its rate is no price');
    try {
        price = priceRow(row.rate.body);
    } catch (e) {
        if (!(e instanceof NoPrice)) throw e;
        line.bad('its rate is no price: ' + e.message);
    }
    const model = textOf(body, 'model'), time = countOf(body, 'time') || 0n;
    if (model !== price.model && !modelTaken(model, price.model)) return f.claim('its price is of another model');
    line.expect(price.from === undefined || price.from <= time / DAY_MS, 'its price is of a later day');
    line.expect(row.currency === price.currency, 'its price is in another currency');
    const usage = usageOf(body);
    if (model !== price.model && isRegional(model) && !isRegional(price.model)) usage.us = true;
    try {
        cost = priced(price, usage);
    } catch (e) {
        if (!(e instanceof NoPrice)) throw e;
        line.bad('it has no price by that rate: ' + e.message);
    }
    shareHolds(line, cost.pico, row, row.pico);
    f.cost = cost;
    return undefined;
}

function costHolds(line, d, row, f) {
    const { body } = row.item, stated = intOf(body, 'stated');
    line.expect(same(entryOf(body), row.entry), 'its entry id is another');
    if (d.head.basis === 'paid') return f.claim('it is a share of what was paid, in which all usage of the month has its part');
    if (row.rate && row.rate.withheld) return f.claim('its price is withheld');
    if (row.rate) return pricedHolds(line, row, f);
    if (!textOf(body, 'source') || stated === null) return f.claim('its price is not here');
    line.expect(row.currency === (textOf(body, 'currency') || 'USD'), 'it is stated in another currency');
    shareHolds(line, stated, row, row.pico);
    f.step(`stated: ${decimal(stated, 12)} ${row.currency}`);
    return undefined;
}

const dated = (line, row) => line.expect(dayOf(textOf(row.item.body, 'date')) === row.day, 'it is of another day');

function expenseHolds(line, d, row, f) {
    const amount = amountOf(row.item.body, 'amount');
    dated(line, row);
    line.expect(textOf(row.item.body, 'currency') === row.currency && amount !== null, 'it is in another currency');
    shareHolds(line, amount, row, row.pico);
    f.step(`the expense says ${decimal(amount, 12)} ${row.currency}`);
}

function timeHolds(line, d, row, f) {
    const duration = countOf(row.item.body, 'duration');
    dated(line, row);
    line.expect(duration !== null, 'it has no duration');
    shareHolds(line, duration, row, row.ms);
    f.step(`typed: ${duration} ms`);
}

/* [start, end, human] of all activity of a session. */
function eventsOf(pack, session) {
    const key = i => JSON.stringify([textOf(i.body, 'agent'), textOf(i.body, i.kind === 'session' ? 'id' : 'session')]);
    if (!pack.activity) {
        pack.activity = new Map();
        for (const i of pack.items.filter(item => item.kind === 'activity'))
            pack.activity.set(key(i), [...(pack.activity.get(key(i)) || []), i]);
    }
    const events = [], array = v => Array.isArray(v) ? v : [];
    for (const { body } of pack.activity.get(key(session)) || []) {
        for (const t of array(body.get('human'))) if (isCount(t)) events.push([t, t, true]);
        for (const r of array(body.get('runs')))
            if (Array.isArray(r) && r.length === 2 && r.every(isCount)) events.push([...r, false]);
    }
    return events.filter(([start, end]) => end >= start && end / DAY_MS < 1n << 32n);
}

/* The engaged milliseconds of section 7 in [from, until). */
function engagedIn(events, idle, unattended, from, until) {
    const spans = [], cut = (a, b) => a < b ? b - a : 0n;
    let reached = null, sum = 0n;
    events.sort((a, b) => a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0);
    for (const [start, end] of events) {
        const begin = reached !== null && start > reached && start - reached <= idle ? reached : start;
        if (begin < end) spans.push([begin, end]);
        if (reached === null || end > reached) reached = end;
    }
    /* Stretches after a person's events ascend, for all are equally long. */
    const attended = [];
    for (const [at] of events.filter(e => e[2])) {
        const last = attended[attended.length - 1];
        if (last && at <= last[1]) last[1] = at + unattended;
        else attended.push([at, at + unattended]);
    }
    const merged = [];
    for (const [a, b] of spans.sort((x, y) => x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : 0)) {
        const last = merged[merged.length - 1];
        if (last && a <= last[1]) { if (b > last[1]) last[1] = b; } else merged.push([a, b]);
    }
    for (let i = 0, k = 0; i < merged.length && k < attended.length;) {
        const [a, b] = merged[i], [c, e] = attended[k];
        const low = [a, c, from].reduce((x, y) => x > y ? x : y), high = [b, e, until].reduce((x, y) => x < y ? x : y);
        sum += cut(low, high);
        if (b < e) i++;
        else k++;
    }
    return sum;
}

/* What invoice.entries say of sessions' days: the time before each share of one that other invoices have. */
function locksOf(pack) {
    const locks = new Map();
    for (const { body } of pack.items.filter(i => i.kind === 'invoice.entries')) {
        const issue = bytesOf(body, 'issue', 32), entries = body.get('entries');
        if (!issue || !Array.isArray(entries)) continue;
        for (const e of entries) {
            if (!Array.isArray(e) || e.length < 5 || e.length > 6) continue;
            const [entry, part, parts, ms, day, after = 0n] = e;
            if (!isBytes(entry, 16) || ![part, parts, ms, day, after].every(n => isCount(n) && n <= INT64_MAX)) continue;
            if (part < 1n || part > parts || parts > 1000000n || day >= 1n << 31n || after > DAY_MAX ||
                after + ms > INT64_MAX) continue;
            const key = [hex(issue), hex(entry), day, part, parts, ms].join();
            if (!locks.has(key)) locks.set(key, after);
        }
    }
    return locks;
}

/* null: it is not said. */
function timeBefore(pack, d, row) {
    if (row.what !== 'session') return 0n;
    pack.locks ??= locksOf(pack);
    return pack.locks.get([hex(d.issue.leaf), hex(row.entry), row.day, row.part, row.parts, row.ms].join()) ?? null;
}

/* No document bills more than the whole of anything. */
function billedOnce(pack, line, d, row) {
    const { item, what, part, parts } = row, shown = item && !item.withheld;
    const name = what === 'cost' || same(row.leaf, NO_LEAF) ? hex(row.entry)
        : what === 'session' && shown ? JSON.stringify([textOf(item.body, 'agent'), textOf(item.body, 'id')]) : hex(row.leaf);
    const key = [what, what === 'cost' ? '' : row.day, name].join(), before = d.billed.get(key);
    line.expect(!before || (before.parts === parts && before.part + part <= parts), 'it is billed twice');
    d.billed.set(key, { parts, part: part + (before ? before.part : 0n) });
    billedAlone(pack, line, d, row, key);
}

/* Nor do the living documents together; and none bills what another one of its contract does. */
function billedAlone(pack, line, d, row, key) {
    if (d.voided || timeBefore(pack, d, row) !== 0n) return; /* other stretches of time are other time */
    pack.held ??= new Map();
    const { part, parts } = row, under = key + '\0' + d.head.contract, by = pack.held.get(under);
    line.expect(!by || by === d, 'another invoice under this contract bills it');
    pack.held.set(under, d);
    const before = pack.held.get(key);
    line.expect(!before || part * before.parts <= (before.parts - before.part) * parts,
        'with another invoice it is billed beyond the whole');
    if (!before) pack.held.set(key, { part, parts });
    else if (before.parts === parts) before.part += part;
}

function sessionHolds(line, d, row, f, pack) {
    const day = d.days.find(x => x.day === row.day);
    if (!day) return f.claim('where its day begins is not said');
    const minutes = (key, other) => {
        const n = d.engaged ? countOf(d.engaged.body, key) : null;
        return (n === null || n > MINUTES_MAX ? other : n) * MINUTE;
    };
    const alone = engagedIn(eventsOf(pack, row.item), minutes('idle_minutes', 10n), minutes('unattended_minutes', 15n),
        day.start, day.end);
    const before = timeBefore(pack, d, row), billed = row.ms + (before || 0n);
    line.expect(alone >= billed, 'its activity shows less engaged time than it bills');
    f.step(`its activity shows ${alone} ms engaged on ${dateOf(row.day)}; ${row.ms} ms are billed` +
        (before ? `, ${before} ms before them by other invoices` : ''));
    if (before === null) f.claim('no record says what was billed of its day before');
    else if (alone !== billed) f.claim('other sessions of the member shared its minutes');
    return undefined;
}

const FIGURES = { cost: costHolds, expense: expenseHolds, 'time.add': timeHolds, session: sessionHolds };

/* A rate of one member or project is of this row only if it is theirs. */
function rateIsTheirs(row, f) {
    if (!row.rate || row.rate.kind !== 'rate.set') return;
    const member = textOf(row.rate.body, 'member'), project = textOf(row.rate.body, 'project'), { item, decided } = row;
    if (member && (!item || item.device.member !== member)) f.claim('its rate is of another member');
    if (project && (!decided || decided.withheld || textOf(decided.body, 'project') !== project))
        f.claim('its rate is of a project that what decided does not name');
}

function traceLine(pack, line) {
    const d = pack.document, row = d.trace[d.row], f = new Figure(), count = pack.items.length;
    line.expect(line.number_(false, 'its number') === BigInt(d.row), 'its number is not the next');
    line.subject = 'trace ' + d.row;
    const at = n => n === null ? null : pack.items[n];
    row.item = at(line.ref(false, 'its record', count));
    row.decided = at(line.ref(false, 'what decided', count));
    row.sessions = line.list(false, 'its sessions', count).map(at);
    row.rate = at(line.ref(true, 'its rate', count));
    d.begun = true;
    itemHolds(line, row, f);
    line.expect(row.part >= 1n && row.part <= row.parts && row.ms >= 0n && row.ms <= DAY_MAX,
        'its part or its time is out of range');
    sessionsHold(line, row);
    if (FIGURES[row.what]) {
        billedOnce(pack, line, d, row);
        decisionHolds(line, row, d.head.client, f);
        if (row.item && !row.item.withheld) FIGURES[row.what](line, d, row, f, pack);
    }
    rateIsTheirs(row, f);
    row.figure = f;
    pack.rows++;
    if (!f.claimed.length) pack.rowsRecomputed++;
    d.row++;
}

/* ---- a line ---- */

function priceIs(c, pico) {
    c.line.subject = c.name + ' price';
    c.line.expect(toMinor(pico, c.d.head.decimals) === c.l.price, 'it is not what was agreed');
}

const agreedOf = (item, key) => amountOf(item.body, key) || 0n;

/* The hour's price by a row's rate; null where it cannot be known. */
function hourRate(c, row) {
    const { rate } = row, { d, line } = c, contract = d.contract;
    const extra = textOf(contract.body, 'ai_cost') === 'in_rate' ? agreedOf(contract, 'rate_extra') : 0n;
    if (!rate || rate.withheld) return null;
    if (rate === contract) return agreedOf(rate, 'rate') + extra;
    const client = textOf(rate.body, 'client'), from = textOf(rate.body, 'from'), day = dayOf(from);
    line.expect(rate.kind === 'rate.set' && (!client || client === d.head.client) &&
        textOf(rate.body, 'currency') === d.head.currency && (!from || (day !== null && day <= row.day)),
        "a row's rate is no rate of this invoice");
    return agreedOf(rate, 'amount') + extra;
}

function hoursHold(c) {
    const { body } = c.d.contract, count = key => countOf(body, key) || 0n;
    for (const row of c.rows) {
        c.line.subject = c.name + ' price';
        const pico = hourRate(c, row);
        if (pico === null) c.f.claim("a row's rate is withheld");
        else priceIs(c, pico);
    }
    const least = count('minimum_minutes'), minutes = count('rounding_minutes'), unit = minutes * MINUTE;
    if (least > MINUTES_MAX || minutes > MINUTES_MAX) return c.f.claim("the contract's minutes are out of proportion");
    const up = textOf(body, 'rounding') === 'nearest' ? unit / 2n : unit - 1n;
    const round = ms => unit ? (ms + up) / unit * unit : ms;
    const per = textOf(body, 'rounding_per'), groups = [], byEntry = per !== 'line' && per !== 'day';
    const entry = ms => {
        const counted = ms > least * MINUTE ? ms : least * MINUTE;
        return byEntry ? round(counted) : counted;
    };
    const before = c.rows.map(row => timeBefore(c.pack, c.d, row));
    if (before.includes(null) && (least || (unit && byEntry)))
        return c.f.claim('no record says what was billed of its days before');
    c.rows.forEach((row, i) => {
        const ms = entry((before[i] || 0n) + row.ms) - (before[i] ? entry(before[i]) : 0n);
        const joins = i > 0 && (per === 'line' || (per === 'day' && c.rows[i - 1].day === row.day));
        if (joins) groups[groups.length - 1] += ms;
        else groups.push(ms);
    });
    const sum = groups.reduce((n, ms) => n + round(ms), 0n);
    c.line.subject = c.name + ' quantity';
    c.line.expect((sum * 100n + HOUR / 2n) / HOUR === c.l.quantity, 'it is not the time of its rows, rounded as agreed');
    c.f.step(`${c.rows.reduce((n, r) => n + r.ms, 0n)} ms` + (unit || least ? `, rounded as agreed ${sum} ms` : '') +
        ` = ${decimal(c.l.quantity, 2)} hours`);
    return undefined;
}

function exchange(c, from) {
    const { item, d, line } = c, to = d.head.currency, none = 'its rate of exchange is none between its currencies';
    const rate = item && intOf(item.body, 'rate'), day = item && dayOf(textOf(item.body, 'date'));
    line.expect(item.kind === 'fx.set' && day !== null && day < d.head.end_day && rate !== null && rate > 0n, none);
    const base = textOf(item.body, 'base'), quote = textOf(item.body, 'quote');
    if (base === from && quote === to) return [rate, PICO];
    line.expect(base === to && quote === from, none);
    return [PICO, rate];
}

function computeHolds(c) {
    const { rows, d, line, l } = c, { body } = d.contract;
    if (!rows.length) return c.f.claim('its rows are not here');
    line.subject = c.name + ' price';
    const { currency } = rows[0], pico = rows.reduce((n, r) => n + r.pico, 0n);
    line.expect(rows.every(r => r.currency === currency), 'its rows are in several currencies');
    const foreign = currency !== d.head.currency;
    if (foreign && (!c.item || c.item.withheld)) return c.f.claim('its rate of exchange is withheld');
    const [num, den] = foreign ? exchange(c, currency) : [1n, 1n];
    const markup = textOf(body, 'ai_cost') === 'markup' ? countOf(body, 'markup_percent') || 0n : 0n;
    const scale = 100n * 10n ** (12n - d.head.decimals);
    line.expect(markup <= MINUTES_MAX && rounded(pico * num * (100n + markup), den * scale) === l.price,
        'it is not the sum of its rows');
    c.f.step(`${decimal(pico, 12)} ${currency}` + (foreign ? ` × ${decimal(num, 12)} / ${decimal(den, 12)}` : '') +
        (markup ? ` + ${markup} %` : '') + ` = ${decimal(l.price, d.head.decimals)} ${d.head.currency}`);
    return undefined;
}

function milestoneHolds(c) {
    if (!c.item || c.item.kind !== 'milestone.set') return c.f.claim('its milestone is not here');
    const fee = amountOf(c.item.body, 'fee'), percent = intOf(c.item.body, 'percent_bp');
    if (fee !== null) return priceIs(c, fee);
    if (percent === null) return c.f.claim('it is what other milestones leave');
    return priceIs(c, agreedOf(c.d.contract, 'fee') * percent / 10000n);
}

function changeHolds(c) {
    if (!c.item || c.item.kind !== 'change.set') return c.f.claim('its change order is not here');
    return priceIs(c, agreedOf(c.item, 'amount'));
}

const asClaimed = c => c.f.claim('it rests on more than this invoice');
/* By kind: its name, and what checks it. */
const LINES = [['hours', hoursHold], ['milestone', milestoneHolds],
    ['project', c => priceIs(c, agreedOf(c.d.contract, 'fee'))],
    ['retainer', c => priceIs(c, agreedOf(c.d.contract, 'retainer'))], ['overage', asClaimed], ['change', changeHolds],
    ['compute', computeHolds], ['deposit', asClaimed], ['credit', asClaimed]];

function invoiceLine(pack, line) {
    const d = pack.document, l = d.lines[d.line], f = new Figure();
    line.expect(line.number_(false, 'its number') === BigInt(d.line + 1), 'its number is not the next');
    const name = line.subject = `line ${d.line + 1}`, n = line.ref(true, 'its record', pack.items.length);
    const rows = d.trace.slice(l.first, l.end), item = n === null ? null : pack.items[n];
    LINES[Number(l.kind)][1]({ pack, line, d, l, item, name, rows, f });
    Object.assign(l, { item, rows, figure: f });
    l.recomputed = !f.claimed.length && rows.every(r => !r.figure.claimed.length);
    pack.lines++;
    if (l.recomputed) pack.linesRecomputed++;
    d.begun = true;
    d.line++;
    beginLine(d);
}

/* ---- words ---- */

/* A BigInt of so many decimals as text, without final zeros after the second. */
function decimal(n, places) {
    const digits = magnitude(n).toString().padStart(Number(places) + 1, '0'), cut = digits.length - Number(places);
    const part = digits.slice(cut).replace(/0+$/, '').padEnd(Math.min(2, Number(places)), '0');
    return (n < 0n ? '-' : '') + digits.slice(0, cut).replace(/\B(?=(\d{3})+$)/g, ',') + (part ? '.' + part : '');
}
