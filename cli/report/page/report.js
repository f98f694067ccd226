/* Filters, sorting and totals of the list of sessions. All figures are added up from the exact texts
 * in the rows, as integers: pico-units of money, milliseconds of time. Nothing is fetched. */
(() => {
    'use strict';
    const section = document.getElementById('sessions');
    if (!section) return;
    const PICO = 10n ** 12n, HOUR = 3600000n;
    const byId = id => document.getElementById(id);
    const decimals = Number(section.dataset.decimals), bases = Number(section.dataset.bases);
    const timed = section.dataset.time === '1', currency = section.dataset.currency;
    const form = byId('filters'), body = byId('rows').tBodies[0];
    const selects = ['client', 'member', 'agent', 'tag'].map(byId).filter(Boolean);
    const fields = [...selects, byId('from'), byId('to'), byId('text')];

    /* "-12.5" as pico-units. */
    function pico(text) {
        const minus = text.startsWith('-');
        const [whole, part = ''] = (minus ? text.slice(1) : text).split('.');
        const value = BigInt(whole + part.padEnd(12, '0'));
        return minus ? -value : value;
    }

    /* numerator / denominator with so many decimals, rounded half away from zero. */
    function rounded(numerator, denominator, places) {
        const minus = numerator < 0n, scale = 10n ** BigInt(places);
        const value = ((minus ? -numerator : numerator) * scale * 2n + denominator) / (denominator * 2n);
        const text = String(value).padStart(places + 1, '0');
        return (minus && value ? '-' : '') + text.slice(0, text.length - places) +
            (places ? '.' + text.slice(-places) : '');
    }

    const grouped = text => text.replace(/^-?\d+/, whole => whole.replace(/\B(?=(\d{3})+$)/g, ','));
    const trimmed = text => text.replace(/(\.\d\d\d*?)0+$/, '$1');

    function data(value, shown, id) {
        const element = document.createElement('data');
        element.value = value;
        element.textContent = shown;
        if (id) element.id = id;
        return element;
    }
    const money = (value, id) =>
        data(trimmed(rounded(value, PICO, 12)), grouped(rounded(value, PICO, decimals)), id);
    const hours = (ms, id) => data(rounded(ms, HOUR, 6), grouped(rounded(ms, HOUR, 2)), id);

    function warning(text, title) {
        const element = document.createElement('span');
        element.className = 'warn';
        element.textContent = text;
        if (title) element.title = title;
        return element;
    }

    /* CLIENT,MEMBER,DAY,MS and for each basis COST,STATE. */
    function piece(text) {
        const part = text.split(',');
        const costs = [], states = [];
        for (let i = 0; i < bases; i++) {
            costs.push(pico(part[4 + 2 * i]));
            states.push(part[5 + 2 * i]);
        }
        return {client: part[0], member: part[1], day: part[2], ms: BigInt(part[3]), costs, states};
    }

    const sessions = [...body.rows].map(row => ({
        row,
        agent: row.dataset.a,
        tags: row.dataset.t ? row.dataset.t.split(',') : [],
        text: (row.textContent + ' ' + row.cells[3].title).toLowerCase(),
        start: row.querySelector('time').dateTime,
        pieces: row.dataset.p.split(';').filter(Boolean).map(piece),
    }));

    function wanted() {
        const want = {};
        for (const field of fields) want[field.id] = field.value;
        want.text = want.text.trim().toLowerCase();
        return want;
    }

    function passes(session, want) {
        return (!want.agent || session.agent === want.agent) &&
            (!want.tag || session.tags.includes(want.tag)) &&
            (!want.text || session.text.includes(want.text));
    }

    const inside = (p, want) => (!want.client || p.client === want.client) &&
        (!want.member || p.member === want.member) &&
        (!want.from || p.day >= want.from) && (!want.to || p.day <= want.to);

    function moneyCell(cell, pieces, basis, value) {
        const states = pieces.map(p => p.states[basis]);
        if (states.length && states.every(s => s === '2'))
            cell.replaceChildren(warning('unpriced'));
        else if (states.some(s => s !== '0'))
            cell.replaceChildren(warning('+?', 'some requests have no price'), ' ', money(value));
        else
            cell.replaceChildren(money(value));
    }

    /* What the filters leave of one session; its cells show that. */
    function apply(session, want) {
        const pieces = passes(session, want) ? session.pieces.filter(p => inside(p, want)) : [];
        session.row.hidden = !pieces.length;
        session.ms = pieces.reduce((sum, p) => sum + p.ms, 0n);
        session.costs = Array.from({length: bases},
            (_, i) => pieces.reduce((sum, p) => sum + p.costs[i], 0n));
        session.open = pieces.some(p => p.states.some(s => s !== '0'));
        if (!pieces.length) return false;
        const changed = pieces.length !== session.shown;
        session.shown = pieces.length;
        if (!changed && pieces.length === session.pieces.length) return true;
        if (timed) session.row.cells[5].replaceChildren(hours(session.ms));
        session.costs.forEach((cost, i) => moneyCell(session.row.cells[6 + i], pieces, i, cost));
        return true;
    }

    function filter() {
        const want = wanted();
        const found = sessions.filter(session => apply(session, want));
        const line = byId('found');
        const count = found.length;
        line.replaceChildren(data(String(count), grouped(String(count)), 'found-sessions'),
            count === 1 ? ' session' : ' sessions');
        if (timed) {
            const ms = found.reduce((sum, s) => sum + s.ms, 0n);
            line.append(' · ', hours(ms, 'found-hours'), ' h');
        }
        for (let i = 0; i < bases; i++) {
            const cost = found.reduce((sum, s) => sum + s.costs[i], 0n);
            line.append(' · ', money(cost, i ? 'found-paid' : 'found-cost'), ' ' + currency,
                i ? ' paid' : '');
        }
        if (found.some(s => s.open)) line.append(' ', warning('and what has no price'));
    }

    /* ---- sorting ---- */

    const keys = {
        start: s => s.start,
        time: s => s.ms,
        cost0: s => s.costs[0],
        cost1: s => s.costs[1],
    };

    function sort(header, column) {
        const down = header.getAttribute('aria-sort') === 'ascending' ||
            (!header.hasAttribute('aria-sort') && header.dataset.sort !== 'text');
        const key = keys[header.dataset.sort] || (s => s.row.cells[column].textContent.toLowerCase());
        const sign = down ? -1 : 1;
        const rows = sessions.map(s => [key(s), s.row]);
        rows.sort((a, b) => a[0] < b[0] ? -sign : a[0] > b[0] ? sign : 0);
        for (const other of header.parentNode.cells) other.removeAttribute('aria-sort');
        header.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        body.append(...rows.map(r => r[1]));
    }

    [...byId('rows').tHead.rows[0].cells].forEach((header, column) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = header.textContent;
        button.addEventListener('click', () => sort(header, column));
        header.replaceChildren(button);
    });

    /* ---- #client=acme&from=2026-03-01: a view that can be named and reloaded ---- */

    function read() {
        const said = new URLSearchParams(location.hash.slice(1));
        for (const field of fields) {
            const name = said.get(field.id);
            if (field.tagName === 'SELECT')
                field.value = [...field.options].find(o => o.dataset.name === name)?.value ?? '';
            else
                field.value = name ?? '';
        }
        filter();
    }

    function write() {
        const said = new URLSearchParams();
        for (const field of fields)
            if (field.value !== '')
                said.set(field.id, field.selectedOptions ? field.selectedOptions[0].dataset.name
                    : field.value);
        const text = String(said);
        history.replaceState(null, '', text ? '#' + text : location.pathname + location.search);
        filter();
    }

    form.addEventListener('input', write);
    form.addEventListener('submit', event => event.preventDefault());
    form.addEventListener('reset', () => setTimeout(write));
    addEventListener('hashchange', read);
    form.hidden = false;
    byId('found').hidden = false;
    read();
})();
