#!/usr/bin/env python3
"""Makes table.json from the four price sources (see PROVENANCE.txt): merge.py SOURCE_DIR > table.json

Run by hand when a source is refreshed; the build never runs it. Decimal text in, decimal text out: no float is made.
First source wins: price-history (dated) > genai-prices (dated) > newest LiteLLM. What the losing source says otherwise
goes to stderr and into the row's note.
"""
import json
import re
import sys
from decimal import ROUND_HALF_EVEN, Decimal

HISTORY, GENAI = "price-history.json", "genai-prices-0.1.8-subset.json"
LITELLM, COMPACT = "litellm-subset.json", "litellm-compact-2026-09-22.json"
GENAI_SOURCE = "genai-prices 0.1.8"
LITELLM_SOURCE = "LiteLLM 2026-07-24"
COMPACT_SOURCE, COMPACT_DATE = "LiteLLM 2026-09-22", "2026-09-22"

CLASSES = ("input", "output", "cache_read", "cache_write_short", "cache_write_1h")
MODES = ("chat", "responses", "completion", "embedding")
# Billed by the second, picture or page in the main; a token price alone would be wrong.
NOT_TEXT = re.compile(r"realtime|audio|tts|transcribe|image|whisper|live|voice|ocr|moderation")
# genai-prices lists resellers under the maker's names: only the maker may own the bare name.
GENAI_PREFIX = {"anthropic": "", "openai": "", "google": "", "mistral": "", "deepseek": "", "x-ai": "",
                "moonshotai": "", "zai": "", "minimax": "", "cohere": "", "voyageai": "", "cursor": "",
                "groq": "groq/", "cerebras": "cerebras/"}
ALIASES = {"gpt-5.6": "gpt-5.6-sol", "claude-3-5-haiku": "claude-3-5-haiku-latest",
           "claude-3-7-sonnet": "claude-3-7-sonnet-latest", "claude-3-opus": "claude-3-opus-latest"}
# LiteLLM lists these makers' own offers under a prefix; agents log the bare name, and resellers list it too.
MAKERS = ("xai", "zai", "dashscope", "moonshot", "deepseek", "mistral", "minimax", "gemini", "cohere")
OPENAI_SELLERS = ("openai", "text-completion-openai", "azure", "azure_ai")
MILLION = Decimal(1_000_000)


def load(directory, name):
    with open(f"{directory}/{name}", encoding="utf-8") as file:
        return json.load(file, parse_float=Decimal, parse_int=Decimal)


def exact(value):
    """Rounds IEEE noise away at 12 decimals; refuses what would change a price."""
    rounded = value.quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
    if abs(rounded - value) > Decimal("1e-15"):
        raise ValueError(f"{value} has digits below 1e-12")
    return rounded


def text(value):
    plain = format(value, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def mtok(per_token):
    return None if per_token is None else text(exact(per_token) * MILLION)


def plain_mtok(per_mtok):
    return None if per_mtok is None else text(Decimal(per_mtok))


def bare(name):
    name = name.rsplit("/", 1)[-1]
    name = re.sub(r"^(us|eu|jp|au|apac|global)\.", "", name)
    name = re.sub(r"^(anthropic|openai)\.", "", name)
    name = re.sub(r":(batch|free|thinking)$", "", name)
    name = re.sub(r"@[^@]*$|-v\d+:\d+$", "", name)
    return re.sub(r"-(\d{4}-\d{2}-\d{2}|20\d{6})$", "", name)


def squeeze(name):
    return re.sub(r"[^a-z0-9]", "", bare(name).lower())


def is_openai(name):
    return bool(re.match(r"(gpt-|o\d|chatgpt-|codex-|text-embedding-|davinci|babbage|ft:)", bare(name)))


def before_5_6(name):
    """OpenAI models before gpt-5.6 have no cache-write price: written tokens are ordinary input."""
    if not is_openai(name):
        return False
    version = re.match(r"gpt-(\d+)o?(?:[.-](\d+)(?!\d))?", bare(name))
    if not version:
        return not bare(name).startswith("gpt-") or bare(name).startswith("gpt-oss")
    return (int(version[1]), int(version[2] or 0)) < (5, 6)


def finish(row, seller):
    """Rules that belong to the seller, written out so that readers need none of them."""
    rates, model = row["usd_per_mtok"], row["model"]
    if seller == "anthropic":
        for card in [rates, *row.get("long_context", [])]:
            if card.get("cache_write_short") is None:
                continue
            rule = text(2 * Decimal(card["input"]))
            if card.get("cache_write_1h", rule) != rule:
                add_note(row, f"{row['sources'][0]} has cache_write_1h {card['cache_write_1h']}")
            card["cache_write_1h"] = rule
        row.setdefault("us_multiplier", "1.1")
        row.setdefault("batch_multiplier", "0.5")
        row.setdefault("usd_per_web_search", "0.01")
    if seller in OPENAI_SELLERS and is_openai(model):
        if rates.get("cache_write_short") is None and before_5_6(model):
            row["write_is_input"] = True
        if rates.get("cache_read") is None:
            row["read_is_input"] = True
    return row


def litellm_card(entry, suffix):
    fields = {"input": f"input_cost_per_token{suffix}", "output": f"output_cost_per_token{suffix}",
              "cache_read": f"cache_read_input_token_cost{suffix}",
              "cache_write_short": f"cache_creation_input_token_cost{suffix}",
              "cache_write_1h": f"cache_creation_input_token_cost_above_1hr{suffix}"}
    return {name: mtok(entry[field]) for name, field in fields.items() if entry.get(field) is not None}


def litellm_batch(entry):
    base, batch = entry.get("input_cost_per_token"), entry.get("input_cost_per_token_batches")
    if not base or batch is None:
        return None
    ratio, out = batch / base, entry.get("output_cost_per_token")
    if out and entry.get("output_cost_per_token_batches") != out * ratio:
        return None
    return text(ratio) if len(text(ratio)) < 8 else None


def litellm_row(name, entry):
    if entry.get("mode") not in MODES:
        return None
    base, tiers = litellm_card(entry, ""), []
    if "cache_read" not in base and entry.get("input_cost_per_token_cache_hit") is not None:
        base["cache_read"] = mtok(entry["input_cost_per_token_cache_hit"])
    for band in entry.get("tiered_pricing", []):
        card = litellm_card(band, "")
        if band["range"][0] == 0:
            base = card
        else:
            tiers.append({"threshold_prompt_tokens": int(band["range"][0]), **card})
    for kilo in (128, 200, 256, 272, 512):
        card = litellm_card(entry, f"_above_{kilo}k_tokens")
        priority = litellm_card(entry, f"_above_{kilo}k_tokens_priority")
        if "input" in card or "output" in card:
            tiers.append({"threshold_prompt_tokens": kilo * 1000, **card,
                          **({"priority": priority} if "input" in priority else {})})
    if entry["mode"] == "embedding":
        base.setdefault("output", "0")
    if "input" not in base or {base["input"], base.get("output", "0")} == {"0"}:
        return None  # no token price; zero is how LiteLLM writes "not known"
    row = {"model": name, "effective_from": None, "usd_per_mtok": base}
    if tiers:
        row["long_context"] = tiers
    for variant in ("priority", "flex"):
        card = litellm_card(entry, f"_{variant}")
        if "input" in card:
            row[variant] = card
    specific = entry.get("provider_specific_entry", {})
    us = specific.get("us") or entry.get("regional_processing_uplift_multiplier_us")
    searches = set(entry.get("search_context_cost_per_query", {}).values())
    for key, value in (("fast_multiplier", specific.get("fast")), ("us_multiplier", us),
                       ("batch_multiplier", litellm_batch(entry)),
                       ("usd_per_web_search", searches.pop() if len(searches) == 1 else None)):
        if value is not None:
            row[key] = text(Decimal(value))
    row["sources"] = [LITELLM_SOURCE]
    return row


def litellm_seller(name, entry):
    if entry:
        return entry["litellm_provider"]
    if "/" in name:
        return name.split("/", 1)[0]
    if name.startswith("claude-"):
        return "anthropic"
    return "openai" if is_openai(name) else "bedrock" if "anthropic." in name else ""


def compact_row(name, entry, older, thresholds):
    """The newer table knows base rates and 200k cards only; a threshold whose rates it lacks is kept as a card
    without rates, so that long prompts come out unpriced instead of too cheap."""
    fields = {"input": "i", "output": "o", "cache_read": "cr", "cache_write_short": "cc"}
    rates = {cls: mtok(entry[key]) for cls, key in fields.items() if entry.get(key) is not None}
    if {rates["input"], rates["output"]} == {"0"}:
        return older
    if older:
        changed = [cls for cls in fields if rates.get(cls) != older["usd_per_mtok"].get(cls)]
        if not changed:
            return older
        row = json.loads(json.dumps(older))
        row["sources"] = [COMPACT_SOURCE, LITELLM_SOURCE]
        row["note"] = f"{', '.join(changed)} from {COMPACT_SOURCE}"
        row["usd_per_mtok"] = {**{c: v for c, v in older["usd_per_mtok"].items() if c not in changed}, **rates}
        if not {"input", "output"} & set(changed):
            return row
        for stale in ("priority", "flex"):
            row.pop(stale, None)
        row["usd_per_mtok"].pop("cache_write_1h", None)
        if "long_context" in row:
            row["long_context"] = [{"threshold_prompt_tokens": tier["threshold_prompt_tokens"]}
                                   for tier in row["long_context"]]
            row["note"] += "; its long-context card is not published there"
        return row
    if NOT_TEXT.search(name):
        return None
    row = {"model": name, "effective_from": None, "usd_per_mtok": rates, "sources": [COMPACT_SOURCE]}
    if "ia" in entry or "oa" in entry:
        above = {"input": "ia", "output": "oa", "cache_read": "cra", "cache_write_short": "cca"}
        row["long_context"] = [{"threshold_prompt_tokens": 200000,
                                **{c: mtok(entry[k]) for c, k in above.items() if k in entry}}]
    elif bare(name) in thresholds:
        row["long_context"] = [{"threshold_prompt_tokens": t} for t in thresholds[bare(name)]]
        row["note"] = f"long-context card not published in {COMPACT_SOURCE}"
    if "fast" in entry:
        row["fast_multiplier"] = text(entry["fast"])
    return row


GENAI_FIELDS = {"input": "input_mtok", "output": "output_mtok", "cache_read": "cache_read_mtok",
                "cache_write_short": "cache_write_mtok", "cache_write_1h": "cache_write_1h_mtok"}


def genai_card(prices, start):
    card = {}
    for cls, field in GENAI_FIELDS.items():
        price = prices.get(field)
        if isinstance(price, dict):
            steps = {tier["start"]: tier["price"] for tier in price["tiers"]}
            price = price["base"] if start is None else steps.get(start)
        if price is not None:
            card[cls] = plain_mtok(price)
    return card


def genai_row(name, since, prices):
    row = {"model": name, "effective_from": since, "usd_per_mtok": genai_card(prices, None),
           "sources": [GENAI_SOURCE]}
    if "embed" in name or name.startswith("voyage-"):
        row["usd_per_mtok"].setdefault("output", "0")
    starts = sorted({tier["start"] for price in prices.values() if isinstance(price, dict)
                     for tier in price["tiers"]})
    if starts:  # 271999 is how it writes ">= 272000"; every other source says "> 272000"
        row["long_context"] = [{"threshold_prompt_tokens": 272000 if start == 271999 else int(start),
                                **genai_card(prices, start)} for start in starts]
    if "web_searches_kcount" in prices:
        row["usd_per_web_search"] = text(Decimal(prices["web_searches_kcount"]) / 1000)
    return row


def genai_rows(name, model):
    """None when the model has no token price or one that depends on the hour of the day from the start."""
    steps = model["prices"] if isinstance(model["prices"], list) else [{"prices": model["prices"]}]
    rows, hourly = [], False
    for step in steps:
        constraint = step.get("constraint", {})
        if constraint.get("type") == "time_of_date":
            hourly = True
        elif "input_mtok" in step["prices"]:
            rows.append(genai_row(name, constraint.get("start_date"), step["prices"]))
    if hourly:
        if len(rows) < 2:
            return None
        rows[-1] = {"model": name, "effective_from": rows[-1]["effective_from"], "unpriced": True,
                    "sources": [GENAI_SOURCE], "note": "price depends on the hour of the day"}
    return rows or None


def genai_models(directory):
    models = {}
    for provider in load(directory, GENAI):
        prefix = GENAI_PREFIX.get(provider["id"])
        for model in provider["models"]:
            name = model["id"]
            if prefix is None or NOT_TEXT.search(name) or name.startswith("ft:") or name.endswith("-"):
                continue
            if provider["id"] == "google" and not name.startswith(("gemini-", "gemma-")):
                continue
            rows = genai_rows(prefix + name, model)
            if rows:
                models[prefix + name] = [finish(r, provider["id"]) if "unpriced" not in r else r for r in rows]
    return models


def litellm_models(directory, thresholds):
    full, models, sellers = load(directory, LITELLM), {}, {}
    for name, entry in full.items():
        try:
            row = litellm_row(name, entry)
        except ValueError as error:
            print(f"{name}: refused: {error}", file=sys.stderr)
            continue
        if row:
            models[name] = row
            thresholds.setdefault(bare(name), [t["threshold_prompt_tokens"] for t in row.get("long_context", [])])
        sellers[name] = entry
    for name, entry in load(directory, COMPACT).items():
        if name in full and name not in models:
            continue
        row = compact_row(name, entry, models.get(name), {k: v for k, v in thresholds.items() if v})
        if row:
            models[name] = row
    return {name: [finish(row, litellm_seller(name, sellers.get(name)))] for name, row in models.items()}


def history_models(directory):
    models = {}
    for source in load(directory, HISTORY)["rows"]:
        rates = {cls: plain_mtok(source["usd_per_mtok"][cls]) for cls in CLASSES
                 if source["usd_per_mtok"].get(cls) is not None}
        if not rates:
            continue  # PRICE UNKNOWN: stays out, so that it shows as unpriced
        row = {"model": source["model"], "effective_from": source["effective_from"], "usd_per_mtok": rates}
        if "long_context" in source:
            card = source["long_context"]
            row["long_context"] = [{"threshold_prompt_tokens": int(card["threshold_prompt_tokens"]),
                                    **{c: card[c] for c in CLASSES if card.get(c) is not None}}]
        for key in ("fast_multiplier", "batch_multiplier", "sources", "confidence", "note"):
            if key in source:
                row[key] = source[key]
        if "note" in row:  # without pointers to the research notes, which do not ship
            row["note"] = re.sub(r", see [^)]*", "", row["note"])
        seller = "anthropic" if row["model"].startswith("claude-") else \
            "openai" if is_openai(row["model"]) else "google"
        models.setdefault(row["model"], []).append(finish(row, seller))
    return models


def in_force(rows, date):
    valid = [row for row in rows if (row["effective_from"] or "") <= date]
    return valid[-1] if valid else None


def disagreement(row, other):
    mine, theirs = row.get("usd_per_mtok", {}), other.get("usd_per_mtok", {})
    return [f"{cls} {theirs[cls]}" for cls in CLASSES
            if cls in theirs and cls in mine and Decimal(mine[cls]) != Decimal(theirs[cls])]


def add_note(row, note):
    print(f"{row['model']} {row['effective_from'] or 'undated'}: {note}", file=sys.stderr)
    row["note"] = f"{row['note']}; {note}" if row.get("note") else note


def enrich_row(row, other):
    """Takes from `other` what `row` does not say; rates of tokens only where both have the same base rates."""
    for key in ("us_multiplier", "usd_per_web_search"):
        if key in other:
            row.setdefault(key, other[key])
    if disagreement(row, other):
        return
    for key in ("priority", "flex", "fast_multiplier", "batch_multiplier"):
        if key in other:
            row.setdefault(key, other[key])
    if "confidence" not in row:  # in price-history an absent rate is a statement, elsewhere a gap
        for cls in ("cache_read", "cache_write_short", "cache_write_1h"):
            if cls in other["usd_per_mtok"] and not row.get(f"{cls.split('_')[1]}_is_input"):
                row["usd_per_mtok"].setdefault(cls, other["usd_per_mtok"][cls])
        if "long_context" in other:
            row.setdefault("long_context", other["long_context"])
    family = other["sources"][0].split()[0]
    if not any(family in source for source in row["sources"]):
        row["sources"] = [*row["sources"], other["sources"][0]]


def enrich(rows, others, snapshot):
    """`snapshot`: the day `others` was true on, when it has no dates of its own."""
    for row in rows:
        since = row["effective_from"] or ""
        other = in_force(others, since)
        if other is None or "unpriced" in row or "unpriced" in other:
            continue
        differs = disagreement(row, other)
        if differs and (snapshot is None or row is in_force(rows, snapshot)):
            add_note(row, f"{other['sources'][0]} has {', '.join(differs)}")
        enrich_row(row, other)


KEYS = ("model", "effective_from", "unpriced", "usd_per_mtok", "long_context", "priority", "flex", "fast_multiplier",
        "batch_multiplier", "us_multiplier", "usd_per_web_search", "write_is_input", "read_is_input", "sources",
        "confidence", "note")


def maker_aliases(table):
    """Bare names for the makers' own offers, where nothing in the table goes by that name yet."""
    taken = {squeeze(name) for name in table if "/" not in name}
    aliases = {}
    for name in sorted(table):
        maker, _, model = name.partition("/")
        if maker in MAKERS and "/" not in model and squeeze(model) not in taken:
            aliases[model] = name
    return aliases


def merge(directory):
    history, genai = history_models(directory), genai_models(directory)
    thresholds = {name: [t["threshold_prompt_tokens"] for t in rows[-1].get("long_context", [])]
                  for name, rows in {**genai, **history}.items()}
    litellm = litellm_models(directory, thresholds)
    table = {}
    for models, snapshot in ((history, None), (genai, None), (litellm, COMPACT_DATE)):
        for name, rows in models.items():
            if name in table:
                enrich(table[name], rows, snapshot)
            else:
                table[name] = rows
    dated = {bare(name) for name, rows in table.items() if rows[-1]["effective_from"] is not None}
    for name in list(table):  # a snapshot id of a model with dated rows must follow those dates
        if name != bare(name) and "/" not in name and "." not in name.split("-")[0] and bare(name) in dated \
                and table[name][-1]["effective_from"] is None:
            del table[name]
    for alias, name in {**maker_aliases(table), **ALIASES}.items():
        table[alias] = [{**row, "model": alias, "note": f"alias of {name}"} for row in table[name]]
    return [{key: row[key] for key in KEYS if key in row} for name in sorted(table) for row in table[name]]


def main():
    rows = merge(sys.argv[1])
    head = {"schema": "PROVENANCE.txt", "unit": "USD per 1,000,000 tokens, decimal text; absent: not published"}
    print("{" + json.dumps(head)[1:-1] + ', "rows": [')
    print(",\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    print("]}")


if __name__ == "__main__":
    main()
