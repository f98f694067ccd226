#!/usr/bin/env python3
"""Writes JSON lines shaped like a coding agent's session log: make_log.py OUT MEGABYTES.

Half of the bytes are tool results of 1-50 KB of source text (present twice, as agents write them), a fifth are lines of
1 MB or more (screenshots in base64, whole files), the rest are prompts, replies with usage, and bookkeeping.
"""
import base64
import json
import random
import sys
import uuid

rng = random.Random(20260301)
WORDS = ("static const uint8_t return if (at == end) { } \"name\": \"value\", \\n # include struct -> "
         "import self.assertEqual( printf(\"%s\\n\", path); /* why */ <div class=\"row\"> ledger feed "
         "checkpoint proof caf\u00e9 na\u00efve \u20ac \u2192").split(" ")


def source_text(size):
    lines = []
    while size > 0:
        line = "    " * rng.randrange(4) + " ".join(rng.choices(WORDS, k=rng.randrange(1, 12)))
        if rng.random() < 0.1:
            line = "\t" + line
        lines.append(line)
        size -= len(line) + 1
    return "\n".join(lines)


def common(kind, n):
    return {"parentUuid": str(uuid.UUID(int=rng.getrandbits(128))), "isSidechain": False, "type": kind,
            "uuid": str(uuid.UUID(int=rng.getrandbits(128))),
            "timestamp": "2026-03-%02dT10:%02d:%02d.%03dZ" % (1 + n % 28, n % 60, n // 60 % 60, n % 1000),
            "cwd": "/home/dev/acme", "sessionId": "93f36b90-6a17-4fcc-8dc8-2602dbc21c82",
            "version": "2.1.197", "gitBranch": "feature/ledger", "userType": "external"}


def assistant(n):
    blocks = [{"type": "text", "text": source_text(rng.randrange(50, 1500))}]
    if rng.random() < 0.6:
        blocks.append({"type": "tool_use", "id": "toolu_%08d" % n, "name": "Edit",
                       "input": {"file_path": "/home/dev/acme/a.c", "old_string": source_text(300),
                                 "new_string": source_text(400)}})
    usage = {"input_tokens": rng.randrange(5000), "cache_creation_input_tokens": rng.randrange(20000),
             "cache_read_input_tokens": rng.randrange(200000), "output_tokens": rng.randrange(2000),
             "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
             "service_tier": "standard",
             "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0}}
    message = {"id": "msg_%08d" % n, "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
               "content": blocks, "stop_reason": "tool_use", "stop_sequence": None, "usage": usage}
    return {**common("assistant", n), "message": message, "requestId": "req_%08d" % n}


def tool_result(n, text):
    block = {"tool_use_id": "toolu_%08d" % n, "type": "tool_result", "content": text}
    return {**common("user", n), "message": {"role": "user", "content": [block]},
            "toolUseResult": {"stdout": text, "stderr": "", "interrupted": False}}


def big(n):
    if n % 2:
        return tool_result(n, source_text(600_000))
    image = base64.b64encode(rng.randbytes(900_000)).decode()
    block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}}
    return {**common("user", n), "message": {"role": "user", "content": [block]}}


def main():
    goal = int(sys.argv[2]) * 1_000_000
    written = n = 0
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        while written < goal:
            n += 1
            draw = rng.random()
            if draw < 0.004:
                line = big(n)
            elif draw < 0.20:
                line = tool_result(n, source_text(int(1000 * 50 ** rng.random())))
            elif draw < 0.75:
                line = assistant(n)
            elif draw < 0.90:
                prompt = {"role": "user", "content": source_text(rng.randrange(20, 400))}
                line = {**common("user", n), "message": prompt}
            else:
                line = {"type": "queue-operation", "operation": "enqueue",
                        "timestamp": "2026-03-01T10:00:00.000Z", "content": source_text(80)}
            text = json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n"
            out.write(text)
            written += len(text.encode())


main()
