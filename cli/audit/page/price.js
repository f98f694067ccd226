/* What tokens cost: PROTOCOL.md section 6, in BigInt pico-units. */

const RATE_MAX = 10n ** 15n;
const CLASSES = ['input', 'output', 'cache_read', 'cache_write_5m', 'cache_write_1h'];

class NoPrice extends Error {}

function need(ok, why) {
    if (!ok) throw new NoPrice(why);
}

/* ---- the row ---- */

function ratesOf(map, what) {
    need(map instanceof Map, what + ' is no map');
    const out = {};
    for (const name of CLASSES) {
        if (!map.has(name)) continue;
        need(isCount(map.get(name)) && map.get(name) <= RATE_MAX, name + ' is no rate');
        out[name] = map.get(name);
    }
    return out;
}

function tiersOf(list) {
    need(Array.isArray(list) && list.length <= 4, 'tiers are none');
    const tiers = list.map(map => {
        const tier = { ...ratesOf(map, 'a tier'), above: map.get('above') };
        need(isCount(tier.above), 'a tier has no bound');
        tier.priority = map.has('priority') ? ratesOf(map.get('priority'), 'priority') : {};
        return tier;
    });
    need(tiers.every((t, i) => !i || t.above > tiers[i - 1].above), 'tiers do not ascend');
    return tiers;
}

function fractionOf(list, name) {
    need(Array.isArray(list) && list.length === 2 &&
        list.every(n => isCount(n) && n >= 1n && n <= 1000000n), name + ' is no fraction');
    return list;
}

function shortText(text, most) {
    const bytes = isText(text) ? ASCII.encode(text) : [];
    return bytes.length > 0 && bytes.length <= most && bytes.every(b => b >= 0x20 && b !== 0x7f);
}

/* The body of a price.set; throws NoPrice when it has no effect. */
function priceRow(body) {
    const row = { base: ratesOf(body, 'the row'), tiers: [], priority: {}, flex: {} };
    need(shortText(body.get('model'), 255), 'it has no model');
    need(isText(body.get('currency')) && /^[A-Z]{3}$/.test(body.get('currency')), 'it has no currency');
    if (body.has('source')) need(shortText(body.get('source'), 159), 'its source is none');
    row.model = body.get('model');
    row.currency = body.get('currency');
    if (body.has('from')) need((row.from = dayOf(body.get('from'))) !== null, 'from is no date');
    if (body.has('tiers')) row.tiers = tiersOf(body.get('tiers'));
    for (const name of ['priority', 'flex'])
        if (body.has(name)) row[name] = ratesOf(body.get(name), name);
    for (const name of ['fast', 'batch', 'us'])
        if (body.has(name)) row[name] = fractionOf(body.get(name), name);
    if (body.has('web_search')) {
        row.web = body.get('web_search');
        need(isCount(row.web) && row.web <= RATE_MAX, 'web_search is no rate');
    }
    for (const name of ['write_is_input', 'read_is_input']) {
        if (body.has(name)) need(typeof body.get(name) === 'boolean', name + ' is neither');
        row[name] = body.get(name) === true;
    }
    return row;
}

/* ---- the amount ---- */

function reduced(num, den) {
    let a = num, b = den;
    while (b) [a, b] = [b, a % b];
    const out = [num / a, den / a];
    return out.every(n => n <= 1000000n) ? out : null;
}

/* variant : base, when input and output agree on it. */
function between(variant, base) {
    const { input: vi, output: vo } = variant, { input: bi, output: bo } = base;
    if (!vi || vo === undefined || !bi || bo === undefined || vi * bo !== vo * bi) return null;
    return reduced(vi, bi);
}

/* The rates of this prompt and service, and the fractions to multiply with. */
function chosen(row, usage, prompt) {
    const tier = row.tiers.filter(t => prompt > t.above).pop();
    const variants = { priority: ['fast', tier ? tier.priority : row.priority],
        flex: ['batch', tier ? {} : row.flex] };
    const fractions = [];
    let rates = tier || row.base;
    const multiply = (fraction, why) => {
        need(fraction, 'no ' + why + ' price is published');
        fractions.push(fraction);
    };
    if (variants[usage.service]) {
        const [fallback, own] = variants[usage.service];
        if (own.input !== undefined) rates = own;
        else multiply(between(row[usage.service], row.base) || row[fallback], usage.service);
    } else if (usage.service === 'batch') {
        multiply(row.batch, 'batch');
    }
    if (usage.fast && usage.service !== 'priority') multiply(row.fast, 'fast');
    if (usage.us) multiply(row.us, 'regional');
    return { rates, fractions };
}

/* { pico, terms, fractions } of a usage by a row: the arithmetic as it can be shown. */
function priced(row, usage) {
    const prompt = usage.input + usage.cache_read + usage.cache_write_5m + usage.cache_write_1h;
    need(prompt < 2n ** 64n, 'the prompt is too long');
    const { rates, fractions } = chosen(row, usage, prompt), terms = [];
    const stand = { cache_read: row.read_is_input, cache_write_5m: row.write_is_input,
        cache_write_1h: row.write_is_input };
    for (const name of CLASSES) {
        if (!usage[name]) continue;
        const rate = rates[name] !== undefined ? rates[name] : stand[name] ? rates.input : undefined;
        need(rate !== undefined, 'no price is published for ' + name);
        terms.push({ name, tokens: usage[name], rate });
    }
    let num = terms.reduce((n, t) => n + t.tokens * t.rate, 0n), den = 1n;
    for (const [n, d] of fractions) { num *= n; den *= d; }
    let pico = num / den;
    const twice = num % den * 2n;
    if (twice > den || (twice === den && pico & 1n)) pico++;
    if (usage.web_searches) {
        need(row.web !== undefined, 'no price is published for web searches');
        terms.push({ name: 'web_searches', tokens: usage.web_searches, rate: row.web });
        pico += usage.web_searches * row.web;
    }
    need(pico <= INT64_MAX, 'the cost does not fit');
    return { pico, terms, fractions };
}

/* What a cost record says that matters for its price. */
function usageOf(body) {
    const usage = { service: textOf(body, 'service'), fast: textOf(body, 'speed') === 'fast',
        us: textOf(body, 'geo') === 'us' };
    for (const name of [...CLASSES, 'web_searches']) usage[name] = countOf(body, name) || 0n;
    return usage;
}

/* ---- names of models ---- */

const REGIONS = ['us.', 'eu.', 'jp.', 'au.', 'apac.', 'global.'];
const ENDINGS = ['[1m]', '(high)', '(medium)', '(low)', '(xhigh)', '(minimal)', '(max)', '(thinking)', ':thinking'];
const small = text => text.replace(/[A-Z]/g, c => c.toLowerCase());
const alike = text => small(text).replace(/\./g, '-');

function modelDate(text) {
    const m = /^(20\d\d)(-?)(\d\d)\2(\d\d)$/.exec(text);
    return m && m[3] >= '01' && m[3] <= '12' && m[4] >= '01' && m[4] <= '31' ? m[1] + m[3] + m[4] : '';
}

/* One cut at the end of `n.core`: true when there was one. */
function cutEnd(n) {
    const core = n.core, ending = ENDINGS.find(e => small(core).endsWith(e));
    const variant = /:(batch|free)$/i.exec(core), at = core.lastIndexOf('@');
    if (/[ \t]$/.test(core)) {
        n.core = core.slice(0, -1);
    } else if (ending) {
        n.core = core.slice(0, -ending.length);
    } else if (variant && !n.variant) {
        n.variant = small(variant[1]);
        n.core = core.slice(0, variant.index);
    } else if (at > 0) {
        const rest = core.slice(at + 1), date = modelDate(rest);
        if (date) n.date = date;
        else if (/\d/.test(rest)) n.version = rest;
        n.core = core.slice(0, at);
    } else {
        const v = /-(v\d[\d:]*)$/i.exec(core);
        if (!v || !(n.prefixed || v[1].includes(':')) || !/\d/.test(core.slice(0, v.index))) return false;
        n.version = v[1];
        n.core = core.slice(0, v.index);
    }
    return true;
}

function modelParts(model) {
    const n = { core: model.replace(/^[ \t]+/, ''), region: '', version: '', date: '', variant: '', prefixed: false };
    const cut = length => { n.core = n.core.slice(length); n.prefixed = true; };
    if (n.core.includes('/')) cut(n.core.lastIndexOf('/') + 1);
    const region = REGIONS.find(r => small(n.core).startsWith(r));
    if (region) {
        if (region !== 'global.') n.region = region.slice(0, -1);
        cut(region.length);
    }
    const vendor = ['anthropic.', 'openai.'].find(v => small(n.core).startsWith(v));
    if (vendor) cut(vendor.length);
    while (cutEnd(n));
    for (const length of [11, 9]) {
        const tail = n.core.slice(-length);
        if (n.date || n.core.length <= length || tail[0] !== '-' || !modelDate(tail.slice(1))) continue;
        n.date = modelDate(tail.slice(1));
        n.core = n.core.slice(0, -length);
    }
    n.core = small(n.core).replace(/[\0-\x2f\x3a-\x60\x7b-\x7f]/g, '');
    return n;
}

/* Whether the price of `offered` would be taken for `asked`, were it the only one. */
function modelTaken(asked, offered) {
    if (!asked || ASCII.encode(asked).length >= 256) return false;
    if (alike(asked) === alike(offered)) return true;
    const a = modelParts(asked), b = modelParts(offered);
    const differ = key => a[key] && b[key] && alike(a[key]) !== alike(b[key]);
    return a.core !== '' && a.core === b.core && a.variant === b.variant && !differ('date') &&
        !differ('version') && (!b.region || alike(a.region) === alike(b.region));
}

const isRegional = model => modelParts(model).region !== '';

/* ---- days ---- */

const DAY_MS = 86400000n;

/* Days since 1970-01-01 of YYYY-MM-DD, as a BigInt; null for no date. */
function dayOf(text) {
    const m = isText(text) && /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
    if (!m) return null;
    const date = new Date(0);
    date.setUTCFullYear(Number(m[1]), Number(m[2]) - 1, Number(m[3]));
    const right = date.getUTCMonth() === Number(m[2]) - 1 && date.getUTCDate() === Number(m[3]);
    return right ? BigInt(date.getTime() / 86400000) : null;
}

/* The date of a day, for any day a pack may have: Date ends before some of them. */
function dateOf(day) {
    const z = BigInt(day) + 719468n, floor = (a, b) => (a - ((a % b) + b) % b) / b;
    const era = floor(z, 146097n), doe = z - era * 146097n;
    const yoe = (doe - doe / 1460n + doe / 36524n - doe / 146096n) / 365n;
    const doy = doe - (365n * yoe + yoe / 4n - yoe / 100n), mp = (5n * doy + 2n) / 153n;
    const d = doy - (153n * mp + 2n) / 5n + 1n, m = mp < 10n ? mp + 3n : mp - 9n;
    const y = yoe + era * 400n + (m <= 2n ? 1n : 0n), two = n => String(n).padStart(2, '0');
    return (y < 0n ? '-' : '') + String(y < 0n ? -y : y).padStart(4, '0') + '-' + two(m) + '-' + two(d);
}
