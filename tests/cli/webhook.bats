#!/usr/bin/env bats
# tally webhook: messages as receivers get them, checked with the published standardwebhooks package, and what becomes of
# those that do not arrive. The schedule of tries is tests/unit/outbox_test.c's.
load common

# What is missing is named in LACKS, by which common's setup skips: bats cannot skip here.
setup_file() {
    export PACKAGES="$BATS_FILE_TMPDIR/packages" LACKS=
    command -v node >/dev/null || LACKS="no node here"
    command -v npm >/dev/null || LACKS="no npm here"
    [ -z "$LACKS" ] || return 0
    mkdir "$PACKAGES"
    cp "$TALLY_TEST_DATA"/webhook/*.json "$TALLY_TEST_DATA/webhook/receiver.mjs" "$PACKAGES"
    npm ci --prefix "$PACKAGES" --no-audit --no-fund --silent >"$PACKAGES/words" 2>&1 ||
        LACKS="npm cannot install standardwebhooks: $(tail -n 1 "$PACKAGES/words")"
}

teardown() {
    stop_daemons
    [ -z "${RECEIVER:-}" ] || kill "$RECEIVER" 2>/dev/null || true
}

# A receiver on the loopback; $URL is where it listens.
receiver() { # MODE...
    HOOKED="$BATS_TEST_TMPDIR/receiver"
    mkdir -p "$HOOKED"
    : >"$HOOKED/had"
    : >"$HOOKED/secrets"
    answers "${@:-accept}"
    node "$PACKAGES/receiver.mjs" "$HOOKED" 2>"$HOOKED/words" 3>&- &
    RECEIVER=$!
    wait_for test -s "$HOOKED/port" || { cat "$HOOKED/words"; return 1; }
    URL="http://127.0.0.1:$(cat "$HOOKED/port")/in"
}

answers() { printf '%s\n' "$*" >"$HOOKED/mode"; }
had() { jq -rs "$1" "$HOOKED/had"; }
count() { wc -l <"$HOOKED/had"; }

hook() { # NAME ARGUMENTS...: added, and its secret known to the receiver
    tally webhook add "$URL" --name "$1" "${@:2}" >>"$HOOKED/secrets" 2>words
}

# One session that ended long ago, which captures of real logs would give.
session() { # ID COST [TIME]
    jq -nc --arg id "$1" --arg cost "$2" --arg time "${3:-2026-10-05T09:30:00Z}" \
        '{costs: [{session: ("s" + $id), agent: "claude-code", model: "m", project_path: "/work/acme", branch: "main",
            total_cost: $cost, time: $time, input_tokens: 1, output_tokens: 1, currency: "USD", tags: [],
            id: ("0" * 30 + $id)}]}' | tally costs import - >/dev/null
}

outbox() { tally webhook outbox --all --json | jq -c "$1"; }

@test "a finished entry is posted once, and the published package accepts it" {
    new_ledger
    receiver
    tally client set acme 2>/dev/null
    tally rule set acme --client acme --path /work/acme 2>/dev/null
    hook books --event entry.finished --since 2026-10-01
    session 01 1.25
    session 02 0.50 2026-09-30T23:59:59Z # ended before it may be told
    [ "$(tally webhook deliver --json | jq -c '[.delivered,.failed,.waiting,.dead,.next]')" = '[1,0,0,0,null]' ]
    tally webhook deliver >shown
    grep -q '^0 delivered, 0 failed; 0 waiting, 0 dead$' shown
    [ "$(count)" -eq 1 ]
    [ "$(had '.[0] | [.method, .path, .content_type, .verified[0]] | @json')" = \
        '["POST","/in","application/json",true]' ]
    [ "$(had '.[0].body | [.type, .timestamp, .data.id, .data.agent, .data.client, .data.start, .data.end, .data.total_cost,
        .data.currency, .data.requests, .data.member, .data.device,
        .data.description] | @json')" = \
        '["entry.finished","2026-10-05T09:30:00.000Z","s01","claude-code","acme","2026-10-05T09:30:00.000Z","2026-10-05T09:30:00.000Z","1.25","USD",1,"Ada","laptop","claude-code in acme"]' ]
    had '.[0].id' | grep -Eq '^msg_[0-9a-f]{32}$'
    tally verify --deep >/dev/null
}

@test "an entry that goes on is told again under another id, an unchanged one is not" {
    new_ledger
    receiver
    hook books --since 2026-10-01
    session 01 1.00
    tally webhook deliver >/dev/null
    jq -nc '{costs: [{session: "s01", agent: "claude-code", model: "m", total_cost: "2.00", time: "2026-10-05T11:00:00Z",
        input_tokens: 1, output_tokens: 1, currency: "USD", tags: [], id: ("0" * 30 + "77")}]}' |
        tally costs import - >/dev/null
    tally webhook deliver >/dev/null
    [ "$(had '[.[].body.data | [.id, .total_cost]] | @json')" = '[["s01","1.00"],["s01","3.00"]]' ]
    [ "$(had '[.[].id] | unique | length')" -eq 2 ]
}

@test "an entry under way is not told until it is idle" {
    new_ledger
    receiver
    hook books
    session 01 1.00 "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    tally webhook deliver --json >deliver
    [ "$(jq -c '[.delivered,.waiting]' deliver)" = '[0,0]' ]
    [ "$(jq -r .next deliver)" != null ] # it is looked at again
    [ "$(count)" -eq 0 ]
}

@test "a receiver that fails twice gets the same message again, with the same id and a fresh signature" {
    not_under_memcheck "the next try is due too soon"
    new_ledger
    receiver fail fail accept
    hook books --since 2026-10-01
    session 01 1.00
    try tally webhook deliver
    [ "$status" -eq 1 ]
    [[ $words == "webhook books: it answered 500 (entry.finished)" ]]
    tally webhook deliver >/dev/null # it is not due again yet
    [ "$(outbox '.messages[0] | [.state, .tries, .status, .error]')" = '["waiting",1,500,"it answered 500"]' ]
    sleep 1.1
    try tally webhook deliver --now
    [ "$status" -eq 1 ]
    [ "$(outbox '.messages[0] | [.state, .tries]')" = '["waiting",2]' ]
    tally webhook deliver --now >/dev/null
    [ "$(outbox '.messages[0] | [.state, .tries, .status, .error]')" = '["delivered",3,204,null]' ]
    [ "$(had 'length, ([.[].id] | unique | length), ([.[].body] | unique | length), all(.[]; .verified[0])' | xargs)" = \
        "3 1 1 true" ]
    [ "$(had '[.[].timestamp] | unique | length')" -ge 2 ]
}

@test "what answers badly, slowly, endlessly or not at all is not delivered, and told why" {
    new_ledger
    receiver
    hook books --since 2026-10-01
    session 01 1.00
    for answer in refuse redirect close hang; do
        answers "$answer"
        try tally webhook deliver --now --timeout 1
        [ "$status" -eq 1 ]
    done
    [ "$(had '[.[].path] | unique | @json')" = '["/in"]' ] # nobody followed the redirect
    [ "$(outbox '.messages[0] | [.state, .tries, .status]')" = '["waiting",4,null]' ]
    # A body or headers without end: what was answered counts, the rest is left.
    answers headers
    try tally webhook deliver --now --timeout 10
    answers huge
    SECONDS=0
    try tally webhook deliver --now --timeout 10
    [ "$SECONDS" -lt 8 ]
    [ "$(outbox '.messages[0].state')" = '"delivered"' ]
}

@test "Retry-After is kept to, whether seconds or a date, up to a day" {
    new_ledger
    receiver later
    hook books --since 2026-10-01
    session 01 1.00
    for wait in "later 3600" "later_date 1800" "forever 86400"; do
        answers "${wait% *}"
        try tally webhook deliver --now
        [ "$status" -eq 1 ]
        got=$(outbox '.messages[0] | ((.next_try[0:19] + "Z") | fromdate) - ((.last_try[0:19] + "Z") | fromdate)')
        [ "$got" -ge $((${wait#* } - 3)) ]
        [ "$got" -le $((${wait#* } + 3)) ]
    done
    [ "$(tally webhook list --json | jq '.webhooks[0].held_until != null')" = true ]
    [ "$(count)" -eq 3 ]
    tally webhook deliver >/dev/null
    [ "$(count)" -eq 3 ]
}

@test "410 disables the endpoint until a ping is answered well" {
    new_ledger
    receiver gone
    hook books --since 2026-10-01
    session 01 1.00
    try tally webhook deliver
    [ "$status" -eq 1 ]
    [ "$(tally webhook list --json | jq -c '.webhooks[0] | [.disabled, .waiting]')" = '["it answered 410 Gone",1]' ]
    tally webhook deliver --now >/dev/null
    [ "$(count)" -eq 1 ]
    answers accept
    tally webhook test books >shown
    grep -q '^books: it answered 204$' shown
    [ "$(had '.[1].body | [.type, .data.webhook] | @json')" = '["ping","books"]' ]
    [ "$(had '.[1].verified[0]')" = true ]
    tally webhook deliver --now >/dev/null
    [ "$(had '.[2].id == .[0].id')" = true ]
}

@test "a dead message stays listed and starts over with --retry" {
    new_ledger
    receiver fail
    hook books --since 2026-10-01
    session 01 1.00
    for _ in $(seq 10); do try tally webhook deliver --now; done
    [ "$(outbox '.messages[0] | [.state, .tries]')" = '["dead",10]' ]
    [ "$(tally webhook deliver --now --json | jq -c '[.failed,.dead,.next]')" = '[0,1,null]' ]
    tally webhook outbox >shown
    grep -Eq '^books +entry\.finished +2026-10-05 09:30 +10 dead +it answered 500$' shown
    [ "$(wc -L <shown)" -le 80 ]
    answers accept
    tally webhook deliver --retry >/dev/null
    [ "$(outbox '.messages[0] | [.state, .tries]')" = '["delivered",1]' ]
}

@test "whoever is killed while sending leaves the message to be sent again under its id" {
    not_under_memcheck "the claim of the one killed is over too soon"
    new_ledger
    receiver hang
    hook books --since 2026-10-01
    session 01 1.00
    "$TALLY" webhook deliver --timeout 1 3>&- &
    pid=$!
    wait_for test -s "$HOOKED/had"
    kill -9 "$pid"
    wait "$pid" || true
    answers accept
    tally webhook deliver --now --timeout 1 >/dev/null # another has it still, for all that is known
    [ "$(count)" -eq 1 ]
    sleep 11
    tally webhook deliver --timeout 1 >/dev/null
    [ "$(had 'length, ([.[].id] | unique | length)' | xargs)" = "2 1" ]
    [ "$(outbox '.messages[0] | [.state, .tries]')" = '["delivered",2]' ]
}

@test "two that deliver at once send each message once" {
    new_ledger
    receiver
    hook books --since 2026-10-01
    for i in $(seq 10 29); do session "$i" 1.00; done
    "$TALLY" webhook deliver --json >one 3>&- &
    first=$!
    "$TALLY" webhook deliver --json >two 3>&- &
    wait $! "$first"
    [ "$(jq -s 'map(.delivered) | add' one two)" -eq 20 ]
    [ "$(had 'length, ([.[].id] | unique | length)' | xargs)" = "20 20" ]
}

@test "a rotated secret signs beside the old one" {
    new_ledger
    receiver
    hook books
    tally webhook rotate books >>"$HOOKED/secrets" 2>/dev/null
    tally webhook test books >/dev/null
    [ "$(had '.[0] | [.verified[0], .verified[1], (.signature | split(" ") | length)] | @json')" = '[true,true,2]' ]
}

@test "secrets come from standard input or are shown once, and are nowhere else" {
    new_ledger
    receiver
    secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    printf '%s\n' "$secret" | tally webhook add "$URL" --name typed --secret-stdin >shown 2>words
    [ ! -s shown ]
    echo "$secret" >"$HOOKED/secrets"
    tally webhook test typed >/dev/null
    [ "$(had '.[0].verified[0]')" = true ]
    hook made
    made=$(tail -n 1 "$HOOKED/secrets")
    [[ $made == whsec_* ]]
    tally webhook list --json >listed
    tally webhook list >>listed
    tally webhook outbox --all --json >>listed
    tally log --json >>listed
    for text in "$secret" "$made"; do
        not grep -qF "$text" listed words
        not grep -rqF "${text#whsec_}" "$TALLY_HOME"
        not grep -rqPa "$(printf '%s' "${text#whsec_}" | base64 -d | od -An -v -tx1 | tr -d '\n' | sed 's/ /\\x/g')" "$TALLY_HOME"
    done
    for bad in "" whsec_c2hvcnQ= MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw "whsec_$(printf 'x%.0s' $(seq 65) | base64 -w0)"; do
        fails_with 2 tally webhook add "$URL" --name bad --secret-stdin <<<"$bad"
        [ -z "$bad" ] || [[ $words != *"$bad"* ]]
    done
}

@test "addresses are https, or this machine's, or meant; and names and events are checked" {
    new_ledger
    receiver
    for url in http://example.com/in ftp://example.com/ file:///etc/passwd https:// nonsense \
        https://user:pass@example.com/ http://127.0.0.1.example.com/ "https://example.com/$(printf 'x%.0s' $(seq 2048))"; do
        fails_with 2 tally webhook add "$url" --name one
    done
    tally webhook add http://example.com/in --insecure >/dev/null 2>&1
    tally webhook add https://example.org/in >/dev/null 2>&1
    [ "$(tally webhook list --json | jq -c '[.webhooks[].name]')" = '["example.com","example.org"]' ]
    tally webhook add 'http://[::1]:9/in' >/dev/null 2>&1
    tally webhook list --json | jq -e 'any(.webhooks[]; .name == "::1")'
    fails_with 2 tally webhook add "$URL" --event invoice.sent
    fails_with 2 tally webhook add "$URL" --name $'a\nb'
    fails_with 2 tally webhook add "$URL" --since soon
    fails_with 4 tally webhook add "$URL" --name example.com || fails_with 1 tally webhook add "$URL" --name example.com
    fails_with 1 tally webhook test nobody
    fails_with 1 tally webhook remove nobody
    fails_with 2 tally webhook deliver --timeout 31
    tally webhook remove example.com 2>words
    grep -q '^webhook example.com removed, with 0 messages' words
}

@test "a certificate that nobody vouches for is refused, one of a known authority is not" {
    command -v openssl >/dev/null || skip "no openssl here"
    new_ledger
    receiver
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
    node -e '
        const https = require("https"), fs = require("fs")
        https.createServer({ key: fs.readFileSync("key.pem"), cert: fs.readFileSync("cert.pem") }, (req, res) => {
            req.resume(); req.on("end", () => res.writeHead(204).end())
        }).listen(0, "127.0.0.1", function () { fs.writeFileSync("tls.port", this.address().port + "\n") })' 3>&- &
    tls=$!
    wait_for test -s tls.port
    tally webhook add "https://localhost:$(cat tls.port)/" --name tls >/dev/null 2>&1
    try tally webhook test tls
    [ "$status" -eq 1 ]
    [ "$(tally webhook test tls --json | jq .status)" = null ]
    SSL_CERT_FILE=$PWD/cert.pem tally webhook test tls >shown
    grep -q 204 shown
    kill "$tls"
}

@test "a budget's level is told once in its period" {
    new_ledger
    receiver
    hook books --event budget.reached
    tally budget set --period monthly --limit 10 --notify-at 50 --stop-at 100 2>/dev/null
    session 01 6.00 "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    tally webhook deliver >/dev/null
    tally webhook deliver >/dev/null
    session 02 6.00 "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    tally webhook deliver >/dev/null
    [ "$(had '[.[].body | [.type, .data.budget, .data.level, .data.spent]] | @json')" = \
        '[["budget.reached","monthly","notify","6.00"],["budget.reached","monthly","stop","12.00"]]' ]
}

@test "a teammate's records are told only to those that want all" {
    two_teammates
    receiver
    hook own --since 2026-10-01
    hook every --since 2026-10-01 --all
    TALLY_HOME=$BEN session 01 1.00
    start_daemon "$BEN"
    tally sync now "$(address_of "$BEN")" >/dev/null 2>&1
    tally webhook deliver >/dev/null
    [ "$(outbox '[.messages[].webhook]')" = '["every"]' ]
    [ "$(had '.[0].body.data | [.id, .member] | @json')" = '["s01","Ben"]' ]
}

@test "nothing is lost without a network: what waits goes out when there is one" {
    new_ledger
    receiver
    kill "$RECEIVER"
    wait "$RECEIVER" || true
    hook books --since 2026-10-01
    for i in 10 11 12; do session "$i" 1.00; done
    try tally webhook deliver
    [ "$status" -eq 1 ]
    # One try shows that nobody is there; the others keep theirs.
    [ "$(outbox '[.messages[] | [.state, .tries]] | sort')" = '[["waiting",0],["waiting",0],["waiting",1]]' ]
    rm "$HOOKED/port"
    receiver
    tally webhook remove books >/dev/null 2>&1
    [ "$(outbox '.messages | length')" -eq 0 ]
}

@test "the daemon delivers what is recorded while it runs, and again when a try is due" {
    new_ledger
    receiver fail accept
    start_daemon "$TALLY_HOME"
    hook books --since 2026-10-01
    session 01 1.00
    wait_for test -s "$HOOKED/had"
    wait_for grep -q '"event":"not delivered"' "$TALLY_HOME.log"
    wait_for [ "$(count)" -ge 1 ]
    for _ in $(seq 100); do
        [ "$(count)" -eq 2 ] && break
        sleep 0.1
    done
    [ "$(had '[.[].id] | unique | length')" -eq 1 ] # 5 seconds later, by itself
    wait_for grep -q '"event":"delivered"' "$TALLY_HOME.log"
    [ "$(outbox '.messages[0] | [.state, .tries]')" = '["delivered",2]' ]
    not grep -q whsec "$TALLY_HOME.log"
}

@test "invoices, voids and payments are told with their amounts in the currency's own decimals" {
    new_ledger
    receiver
    hook books
    {
        tally issuer set Ada --name "Ada Lovelace" --prefix AL --street "Main St 1" --city Austin --country US
        tally client set acme --title "Acme Ltd" --city Berlin --country DE
        tally contract set euros --client acme --title "A fixed bid" --fee 1234.56 --currency EUR
        tally contract set yen --client acme --title "Another" --fee 98000 --currency JPY
        tally invoice issue euros --period 2026-10 --issue-date 2026-11-02 --yes
        tally invoice issue yen --period 2026-10 --issue-date 2026-11-02 --yes
        tally invoice pay AL-2026-0001 1000.05 --date 2026-11-15
        tally invoice void AL-2026-0002 --reason "wrong currency"
        tally invoice credit euros 34.56 "Too much" --for AL-2026-0001
        tally invoice issue euros --period 2026-11 --issue-date 2026-11-15 --yes
    } >/dev/null 2>&1
    tally webhook deliver >/dev/null
    [ "$(had 'all(.[]; .verified[0])')" = true ]
    said() { had "[.[].body | select(.type == \"$1\") | .data | $2] | sort | @json"; }
    # Less than nothing is no invoice.
    [ "$(said invoice.issued '[.number, .kind, .total]' | jq -c '.[2]')" = '["AL-2026-0003","credit_note","-34.56"]' ]
    [ "$(said payment.received .kind)$(said invoice.voided .kind)" = '["invoice"]["invoice"]' ]
    [ "$(said invoice.issued 'select(.kind == "invoice") | [.number, .contract, .client, .period.from, .period.to, .issue_date, .due_date, .total, .currency]')" = \
        '[["AL-2026-0001","euros","acme","2026-10-01","2026-10-31","2026-11-02","2026-11-17","1234.56","EUR"],["AL-2026-0002","yen","acme","2026-10-01","2026-10-31","2026-11-02","2026-11-17","98000","JPY"]]' ]
    [ "$(said payment.received '[.number, .client, .amount, .currency, .date]')" = \
        '[["AL-2026-0001","acme","1000.05","EUR","2026-11-15"]]' ]
    [ "$(said invoice.voided '[.number, .client, .total, .reason]')" = '[["AL-2026-0002","acme","98000","wrong currency"]]' ]
    # Each names its record, and voids and payments name the invoice.
    [ "$(said invoice.issued .id)" = "$(tally log --json | jq -cs '[.[] | select(.kind == "invoice.issue") | .hash] | sort')" ]
    issued=$(said invoice.issued '.number + .id')
    [[ $issued == *"AL-2026-0001$(said payment.received .invoice | jq -r '.[0]')"* ]]
    [ "$(said invoice.issued .document_sha256)" = "$(tally log --json |
        jq -cs '[.[] | select(.kind == "invoice.issue") | .body.sha256] | sort')" ]
}
