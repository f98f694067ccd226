/* What the page shows: the verdict, the invoice as it was sent, and behind each line its records. All text
 * from the pack goes in as text nodes, never as markup. */
if (typeof document !== 'undefined') (() => {
    const SLICE_MS = 30;

    /* What controls a text or steers its direction becomes U+FFFD. */
    const clean = text => String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');

    /* An element: attributes, then children, which are elements or text. */
    function el(tag, attributes, ...children) {
        const out = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes || {})) {
            if (name === 'onclick') out.addEventListener('click', value);
            else if (value !== null && value !== false) out.setAttribute(name, value);
        }
        for (const child of children.flat())
            if (child !== null && child !== '') out.append(child instanceof Node ? child : clean(child));
        return out;
    }

    const bdi = text => el('bdi', null, text);
    const plural = (n, word) => `${decimal(BigInt(n), 0)} ${word}${Number(n) === 1 ? '' : 's'}`;
    const timeText = ms => ms < 8640000000000000n ? new Date(Number(ms)).toISOString().replace('T', ' ').replace('.000Z', ' UTC').replace('Z', ' UTC') : String(ms);
    const deviceName = d => d.name ? `${d.name} (${d.short})` : d.short;
    const person = d => d.member ? `${d.member}, ${deviceName(d)}` : deviceName(d);

    /* A value of a record as JSON has it: binaries in hex, integers as text when they are too long. */
    function plain(v) {
        if (typeof v === 'bigint') return v <= 9007199254740991n && v >= -9007199254740991n ? Number(v) : String(v);
        if (v instanceof Uint8Array) return hex(v);
        if (Array.isArray(v)) return v.map(plain);
        return v instanceof Map ? Object.fromEntries([...v].map(([k, x]) => [k, plain(x)])) : v;
    }

    function itemJson(pack, i) {
        return { record: i.name, device: hex(i.device.key), index: plain(i.index), hash: hex(i.leaf), withheld: i.withheld,
            kind: i.withheld ? null : i.kind, time: i.withheld ? null : new Date(Number(i.hlc >> 16n)).toISOString(),
            body: i.withheld ? null : plain(i.body), bytes: i.withheld ? null : hex(i.bytes),
            checkpoint: i.checkpoint.text, proof: i.proof.map(n => hex(pack.nodes[n])),
            witnesses: i.checkpoint.witnesses.map(w => ({ device: hex(w.device.key), time: plain(w.time) })) };
    }

    function download(name, value) {
        const url = URL.createObjectURL(new Blob([JSON.stringify(value, null, 1)], { type: 'application/json' }));
        el('a', { href: url, download: name }).click();
        setTimeout(() => URL.revokeObjectURL(url), 10000);
    }

    const downloadButton = (pack, items, name, words) => el('button', { type: 'button',
        onclick: () => download(name, items.map(i => itemJson(pack, i))) }, words);

    /* Members other than the author's: one's own second device is no witness. */
    const isOther = (checkpoint, w) => !w.device.member || w.device.member !== checkpoint.device.member;
    const witnessCount = pack => new Set(pack.checkpoints.flatMap(c => c.witnesses.filter(w => isOther(c, w)).map(w => w.device.member || w.device))).size;

    /* ---- a record ---- */

    function witnessWords(checkpoint) {
        if (!checkpoint.witnesses.length) return [el('p', null, 'Nobody but its author has signed it.')];
        return [el('ul', null, checkpoint.witnesses.map(w => el('li', null, 'seen by ', bdi(person(w.device)), ' at ', timeText(w.time * 1000n), isOther(checkpoint, w) ? '' : ', which is of the same member')))];
    }

    function pathWords(pack, item) {
        let fn = item.index, sn = item.checkpoint.size - 1n;
        return item.proof.map(n => {
            const left = fn & 1n || fn === sn;
            if (left) while (!(fn & 1n) && fn) { fn >>= 1n; sn >>= 1n; }
            fn >>= 1n;
            sn >>= 1n;
            return el('li', null, left ? 'left of it ' : 'right of it ', el('code', null, hex(pack.nodes[n])));
        });
    }

    function blobOf(pack, item) {
        const ids = [...item.body.values()].filter(v => isBytes(v, 32)).map(hex);
        return pack.blobs.filter(b => ids.includes(hex(b.id)) && item.kind !== 'invoice.issue' && b.content.length < 100000);
    }

    function blobWords(blob) {
        let text;
        try {
            text = UTF8.decode(blob.content);
        } catch {
            text = `${blob.content.length} bytes that are no text`;
        }
        return el('pre', null, text);
    }

    function showRecord(pack, item) {
        const { checkpoint } = item, back = document.activeElement, blobs = item.withheld ? [] : blobOf(pack, item);
        const dialog = el('dialog', { 'aria-labelledby': 'record-name' },
            el('form', { method: 'dialog', class: 'close' }, el('button', null, 'Close')),
            el('h2', { id: 'record-name' }, item.name),
            el('dl', null,
                el('dt', null, 'What'), el('dd', null, item.withheld ? 'withheld: it names something of another client. That it stood in the log is proven; what it says is not here.' : item.kind),
                el('dt', null, 'By'), el('dd', null, bdi(person(item.device))),
                item.withheld ? null : [el('dt', null, 'Clock'), el('dd', null, timeText(item.hlc >> 16n))],
                el('dt', null, 'Leaf hash'), el('dd', null, el('code', null, hex(item.leaf)))),
            item.withheld ? null : [el('h3', null, 'Content'), el('pre', null, JSON.stringify(plain(item.body), null, 2))],
            blobs.length ? [el('h3', null, 'Text and evidence'), blobs.map(blobWords)] : null,
            el('h3', null, 'Proof'), el('p', null, `From its hash, ${item.proof.length} hashes lead to the root of the checkpoint:`),
            el('ol', null, pathWords(pack, item)),
            el('h3', null, `Checkpoint of ${checkpoint.size} records`), el('pre', null, checkpoint.text), witnessWords(checkpoint),
            downloadButton(pack, [item], item.name.replace(/[ /]/g, '-') + '.json', 'Download as JSON'));
        dialog.addEventListener('close', () => { dialog.remove(); if (back) back.focus(); });
        document.body.append(dialog);
        dialog.showModal();
    }

    const recordButton = (pack, item, words) => el('button', { type: 'button', class: 'link',
        onclick: () => showRecord(pack, item) }, words || item.name.replace('record ', ''));

    /* ---- rows ---- */

    const tokens = name => name.replace(/_/g, ' ');

    function arithmetic(row) {
        const { cost, steps } = row.figure;
        if (!cost) return steps.map(s => el('div', null, s));
        const out = cost.terms.map(t => el('div', null, `${decimal(t.tokens, 0)} ${tokens(t.name)} × ${t.name === 'web_searches' ? decimal(t.rate, 12) + ' each' : decimal(t.rate, 6) + ' per million'}`));
        cost.fractions.forEach(([n, d]) => out.push(el('div', null, `× ${n} / ${d}`)));
        out.push(el('div', null, `= ${decimal(cost.pico, 12)} ${row.currency}`));
        return out;
    }

    const mark = claimed => claimed.length ? el('span', { class: 'claimed', title: claimed.join('; ') }, 'claimed') : el('span', { class: 'proven' }, 'recomputed');

    function rowLine(pack, d, row) {
        const { item, rate, decided } = row, b = item && !item.withheld ? item.body : new Map();
        const share = row.part === row.parts ? null : el('div', null, `share ${row.part} of ${row.parts}`);
        const figure = row.currency ? `${decimal(row.pico, 12)} ${row.currency}` : `${decimal((row.ms * 100n + HOUR / 2n) / HOUR, 2)} h (${row.ms} ms)`;
        const when = row.what === 'cost' && countOf(b, 'time') !== null ? timeText(countOf(b, 'time')) : dateOf(row.day);
        return el('tr', null,
            el('td', { 'data-label': 'Record' }, item ? recordButton(pack, item) : 'none', el('div', { class: 'soft' }, row.what, textOf(b, 'model') ? [' · ', bdi(textOf(b, 'model'))] : null)),
            el('td', { 'data-label': 'When, by' }, when, item ? el('div', { class: 'soft' }, bdi(person(item.device))) : null),
            el('td', { 'data-label': 'Arithmetic' }, arithmetic(row), share),
            el('td', { 'data-label': 'By' }, rate ? el('div', null, 'rate ', recordButton(pack, rate)) : null, decided ? el('div', null, 'decided ', recordButton(pack, decided)) : null),
            el('td', { 'data-label': 'Figure', class: 'n' }, figure, el('div', null, mark(row.figure.claimed)), row.figure.claimed.map(why => el('div', { class: 'soft' }, why))));
    }

    function lineDetails(pack, d, l, n) {
        const items = [...new Set(l.rows.flatMap(r => [r.item, r.rate, r.decided, ...r.sessions]).concat(l.item).filter(Boolean))];
        const head = ['Record', 'When, by', 'Arithmetic', 'By', 'Figure'].map((h, i) => el('th', { scope: 'col', class: i === 4 ? 'n' : null }, h));
        return el('div', { class: 'behind' }, l.figure.steps.map(s => el('p', null, s)), l.figure.claimed.map(s => el('p', { class: 'soft' }, 'As claimed: ', s, '.')),
            l.item ? el('p', null, 'It rests on ', recordButton(pack, l.item), '.') : null,
            l.rows.length ? el('table', { class: 'rows' }, el('caption', null, `The ${plural(l.rows.length, 'row')} of line ${n}`), el('thead', null, el('tr', null, head)), el('tbody', null, l.rows.map(r => rowLine(pack, d, r)))) : el('p', null, 'No rows stand behind this line in the pack.'),
            items.length ? downloadButton(pack, items, `line-${n}.json`, 'Download these records as JSON') : null);
    }

    /* ---- the invoice ---- */

    function party(title, p) {
        const lines = [p.name, p.contact, p.street, p.street2, [p.postcode, p.city].filter(Boolean).join(' '), [p.region, p.country].filter(Boolean).join(' '), p.email, p.tax_id];
        return el('div', null, el('h3', null, title), lines.filter(Boolean).map(t => el('div', null, bdi(t))));
    }

    function lineRows(pack, d, l, n) {
        const money = v => decimal(v, d.head.decimals), id = `behind-${pack.documents.indexOf(d)}-${n}`;
        const behind = el('tr', { id, hidden: '' }, el('td', { colspan: 5 }));
        const button = el('button', { type: 'button', class: 'link', 'aria-expanded': 'false', 'aria-controls': id }, l.description || LINES[Number(l.kind)][0]);
        button.addEventListener('click', () => {
            if (!behind.firstChild.firstChild) behind.firstChild.append(lineDetails(pack, d, l, n));
            behind.hidden = !behind.hidden;
            button.setAttribute('aria-expanded', String(!behind.hidden));
        });
        return [el('tr', null, el('th', { scope: 'row' }, button, l.detail ? el('div', { class: 'soft' }, bdi(l.detail)) : null),
            el('td', { class: 'n', 'data-label': 'Quantity' }, `${decimal(l.quantity, 2)} `, bdi(l.unit)), el('td', { class: 'n', 'data-label': 'Price' }, money(l.price)),
            el('td', { class: 'n', 'data-label': 'Amount' }, money(l.amount)), el('td', { 'data-label': 'Checked' }, mark(l.recomputed ? [] : ['some of it is claimed']))), behind];
    }

    function invoice(pack, d) {
        const { head } = d, money = v => `${decimal(v, head.decimals)} ${head.currency}`;
        const sum = (name, value, strong) => el('tr', strong ? { class: 'total' } : null, el('th', { scope: 'row', colspan: 3 }, name), el('td', { class: 'n', 'data-label': name }, money(value)), el('td'));
        const columns = ['Description', 'Quantity', 'Price', 'Amount', 'Checked'].map((h, i) => el('th', { scope: 'col', class: i > 0 && i < 4 ? 'n' : null }, h));
        return el('section', { class: 'card' }, el('h2', null, 'Invoice ', bdi(head.number)), head.title ? el('p', null, bdi(head.title)) : null,
            d.voided ? el('p', { class: 'words' }, 'Void: it was taken back since, and is not to be paid, by ', recordButton(pack, d.voided), '.') : null,
            el('div', { class: 'parties' }, party('From', d.seller), party('To', d.buyer), el('div', null, el('h3', null, 'Dates'), el('div', null, 'Issued ', dateOf(head.issue_day)), el('div', null, 'Due ', dateOf(head.due_day)), el('div', null, `${dateOf(head.first_day)} to ${dateOf(head.end_day - 1n)}`), el('div', { class: 'soft' }, bdi(head.timezone)))),
            el('table', { class: 'lines' }, el('caption', null, 'Choose a line to see its records.'), el('thead', null, el('tr', null, columns)),
                el('tbody', null, d.lines.flatMap((l, i) => lineRows(pack, d, l, i + 1))),
                el('tfoot', null, BLOCKS.filter(b => head['subtotal_' + b]).map(b => sum(b[0].toUpperCase() + b.slice(1), head['subtotal_' + b])), sum('Net', head.net),
                    d.taxes.map(t => sum(`Tax ${t.category} ${decimal(t.rate, 2)} % of ${decimal(t.base, head.decimals)}`, t.tax)), sum('Total', head.total, true))),
            d.clauses.map(c => el('p', { class: 'soft' }, bdi(c))),
            el('p', { class: 'soft' }, 'Frozen in ', recordButton(pack, d.issue), ' under the contract ', recordButton(pack, d.contract), '; SHA-256 of its document ', el('code', null, hex(bytesOf(d.issue.body, 'sha256', 32))), '.'));
    }

    /* ---- all of it ---- */

    function facts(pack) {
        const list = pack.devices.map(d => el('li', null, bdi(person(d)), ` · ${d.role}`, d.limit === null ? '' : `, revoked at record ${d.limit}`, el('br'), el('code', null, hex(d.key))));
        return el('section', { class: 'card' }, el('h2', null, 'Who stands behind it'), el('p', null, 'Team ', el('code', { id: 'team' }, hex(pack.team)), '. Compare this with what you know from elsewhere: all else follows from it.'),
            el('ul', { class: 'devices' }, list), el('p', null, 'Sealed by ', bdi(person(pack.sealedBy)), '.'));
    }

    function withheld(pack) {
        const leaves = pack.items.filter(i => i.withheld).length, open = pack.lines - pack.linesRecomputed;
        return el('section', { class: 'card' }, el('h2', null, 'What is not shown'),
            el('p', null, leaves ? `${plural(leaves, 'record')} ${leaves === 1 ? 'is' : 'are'} withheld, because they name something of another client: their hashes are proven, their contents are not here.` : 'No record that is named here is withheld.'),
            el('p', null, `${pack.rowsRecomputed} of ${plural(pack.rows, 'row')} and ${pack.linesRecomputed} of ${plural(pack.lines, 'line')} were recomputed from records.` + (open ? ' The others rest in part on what is not here; they are marked “claimed”, with the reason. Their sums, hashes and signatures hold.' : '')));
    }

    function records(pack) {
        const rows = pack.items.map(i => el('tr', null, el('td', { 'data-label': 'Record' }, recordButton(pack, i)), el('td', { 'data-label': 'Kind' }, i.withheld ? 'withheld' : i.kind), el('td', { 'data-label': 'Clock' }, i.withheld ? '' : timeText(i.hlc >> 16n)),
            el('td', { 'data-label': 'Seen by' }, i.checkpoint.witnesses.length ? i.checkpoint.witnesses.map(w => el('div', null, bdi(person(w.device)), ' ', timeText(w.time * 1000n))) : 'its author only')));
        const head = ['Record', 'Kind', 'Clock', 'Seen by'].map(h => el('th', { scope: 'col' }, h));
        return el('section', { class: 'card' }, el('h2', null, 'All records'), el('p', null, downloadButton(pack, pack.items, 'records.json', 'Download all as JSON')),
            el('details', null, el('summary', null, `Show ${plural(pack.items.length, 'record')}`), el('table', { class: 'rows' }, el('thead', null, el('tr', null, head)), el('tbody', null, rows))));
    }

    function byHand() {
        const steps = ['Save the content of this file’s element “pack” (its text begins with tally-audit-pack/1 and ends with the line “seal”) as pack.txt; or run `tally audit verify` on this file, which is another implementation in another language.',
            'A record’s leaf hash is SHA-256 of a byte 0 and the record (base64 in its line). Each hash of its proof, left or right of what you have, is joined under a byte 1 and hashed again; the last is the root of its checkpoint (RFC 6962).',
            'A checkpoint’s three lines (team and device, size, root in base64) are signed by the device: openssl pkeyutl -verify -rawin checks it with the key in the device’s line. The team’s id is the leaf hash of record 0.',
            'A cosignature signs “cosignature/v1”, a line “time” and its seconds, and the same three lines (C2SP tlog-cosignature).',
            'The seal signs the number of bytes before it and their SHA-256. PROTOCOL.md, section 16, “By hand”, has every command.'];
        return el('section', { class: 'card' }, el('h2', null, 'Without this page'), el('ol', null, steps.map(s => el('li', null, s))));
    }

    function verdictCard(pack, bad, ms) {
        const words = bad ? `${bad.subject}: ${bad.message}`
            : `${pack.rowsRecomputed === pack.rows && pack.linesRecomputed === pack.lines ? 'every figure verified' : 'verified as far as it is shown'}: ${plural(pack.items.length, 'record')}, ${plural(pack.devices.length, 'device')}, ${witnessCount(pack) === 1 ? '1 witness' : witnessCount(pack) + ' witnesses'}`;
        const more = bad ? `Line ${bad.line} of the pack does not hold. Nothing below it was looked at, and no figure in this file should be relied upon. Ask for the pack again.`
            : `Hashes, signatures, proofs, prices and sums were worked out here, in ${(ms / 1000).toFixed(2)} s, without any connection. ${pack.rowsRecomputed} of ${plural(pack.rows, 'row')} and ${pack.linesRecomputed} of ${plural(pack.lines, 'line')} recomputed${pack.rows > pack.rowsRecomputed || pack.lines > pack.linesRecomputed ? ', the others as claimed' : ''}.`;
        return [el('h1', null, bad ? 'Not verified' : 'Verified'), el('p', { class: 'words', id: 'words' }, words), el('p', null, more)];
    }

    function show(card, pack, bad, ms) {
        const page = document.documentElement, main = document.querySelector('main');
        page.dataset.verdict = bad ? 'bad' : 'ok';
        page.dataset.ms = String(Math.round(ms));
        if (bad) page.dataset.subject = bad.subject;
        card.className = bad ? 'verdict bad' : 'verdict good';
        card.replaceChildren(...verdictCard(pack, bad, ms));
        if (!bad) main.append(...pack.documents.map(d => invoice(pack, d)), facts(pack), withheld(pack), records(pack));
        main.append(byHand());
    }

    function run() {
        const start = performance.now(), card = el('section', { class: 'verdict', role: 'status' });
        const bar = el('progress', { max: 1, value: 0, 'aria-label': 'checked so far' });
        card.append(el('h1', null, 'Checking…'), bar);
        document.body.prepend(el('main', null, card));
        /* What is not ASCII has no place in a pack: one byte above it stands for it. */
        const text = document.getElementById('pack').textContent;
        const steps = check(Uint8Array.from(text, c => Math.min(c.codePointAt(0), 255)));
        const slice = () => {
            const until = performance.now() + SLICE_MS;
            let step = steps.next();
            while (!step.done && performance.now() < until) step = steps.next();
            if (!step.done) {
                bar.value = step.value;
                setTimeout(slice);
            } else {
                show(card, step.value.pack, step.value.bad, performance.now() - start);
            }
        };
        setTimeout(slice);
    }

    run();
})();
