#!/usr/bin/env bats
# tally report --html: what the page holds, that nothing in it runs or is fetched that is not ours, and
# that its script adds up what the ledger adds up.
load common

# Costs to import, from tab-separated rows: session directory model cost day tag.
costs() {
    jq -nR '{costs: [inputs | split("\t") | {session: .[0], agent: "codex", model: .[2], project_path: .[1],
        total_cost: (if .[3] == "-" then null else .[3] end), time: (.[4] + "T12:00:00Z"), tags: [],
        input_tokens: 7, output_tokens: 3, currency: "USD",
        id: ((input_line_number | tostring) as $n | ("0" * (32 - ($n | length))) + $n)}]}'
}

month() {
    new_ledger
    printf '%s\t%s\t%s\t%s\t%s\n' \
        shop-1 /work/shop/web gpt-5 81.250000000001 2026-03-02 \
        shop-1 /work/shop/web gpt-5 0.000000000004 2026-03-03 \
        shop-2 /work/shop/api gpt-5 60.50 2026-03-09 \
        fin-1 /work/fin o9 1234.5678 2026-03-30 \
        fin-2 /work/fin o9 - 2026-03-31 \
        both-1 /work/both gpt-5 10.01 2026-03-31 \
        own-1 /work/own gpt-5 3.10 2026-03-05 | costs | tally costs import - >/dev/null
    tally rule set shop --path /work/shop --client acme 2>/dev/null
    tally rule set fin --path /work/fin --client fintech 2>/dev/null
    tally split both-1 acme=2 fintech=1 2>/dev/null
    tally tag add urgent --session shop-2 2>/dev/null
}

# What stands in the element of an id: its first <data value="...">.
figure() { # ID FILE
    grep -o "id=\"$1\">[^/]*<data value=\"[^\"]*\"" "$2" | sed 's/.*value="//; s/"$//'
}

# The page as the browser has it once its script has run.
dom() { # PAGE#HASH
    timeout 60 "$BROWSER" --headless --no-sandbox --disable-gpu --enable-logging=stderr \
        --user-data-dir="$BATS_TEST_TMPDIR/profile" \
        --virtual-time-budget=5000 --dump-dom "file://$PWD/$1" 2>"$BATS_TEST_TMPDIR/browser"
}

need_browser() {
    BROWSER=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
        skip "no chromium here"
}

# A figure that the script wrote.
found() { # ID FILE
    grep -o "<data value=\"[^\"]*\" id=\"$1\"" "$2" | sed 's/<data value="//; s/".*//'
}

@test "the totals in the page are those of the report, exactly" {
    month
    tally report --html page.html
    tally report --json >r
    [ "$(figure total-cost page.html)" = "$(jq -r .total.total_cost r)" ]
    [ "$(figure total-cost page.html)" = 1389.427800000005 ]
    [ "$(figure total-sessions page.html)" = 6 ]
    [ "$(figure total-requests page.html)" = 7 ]
    [ "$(figure total-hours page.html)" = 0.000000 ]
    for cost in $(tally report --by client --json | jq -r '.rows[].total_cost'); do
        grep -q "<data value=\"$cost\">" page.html
    done
    grep -q 'id="unattributed"><b><data value="3.10">3.10' page.html
    grep -q 'id="unpriced">Without a price, and in no cost (+? marks where): <b>1 request</b>' page.html
}

@test "a page is the same bytes each time, in a file and on standard output" {
    month
    tally report --html page.html
    tally report --html - | cmp - page.html
    [ "$(find . -maxdepth 1 -name 'page*' | wc -l)" -eq 1 ]
}

@test "nothing is fetched, and only our own style and script may act" {
    month
    tally report --html page.html
    not grep -oiE '(src|href|srcset|action|poster)=|url\(|@import|https?:|//[a-z]' page.html
    policy=$(grep -o 'Content-Security-Policy" content="[^"]*"' page.html)
    [[ "$policy" == *"default-src 'none'"* ]]
    [[ "$policy" != *unsafe* ]]
    for element in style script; do
        hash=$(sed -n "/<$element>/,/<\/$element>/p" page.html | sed "s/.*<$element>//; s/<\/$element>.*//" |
            head -c -1 | openssl dgst -sha256 -binary | base64)
        [[ "$policy" == *"$element-src 'sha256-$hash'"* ]]
    done
    not grep -oE ' (style|on[a-z]+)="' page.html
}

@test "names from outside stay text" {
    new_ledger --team '<b>"Te'"'"'am"&'
    printf '%s\t%s\t%s\t%s\t%s\n' '"><img src=x onerror=alert(1)>' "/work/<i>it's</i>" 'm<script>' 1.00 2026-03-02 \
        $'evil\xe2\x80\xaegnp' /work/b 'a&amp;b' 2.00 2026-03-03 | costs | tally costs import - >/dev/null
    tally rule set a --path /work --client '</script><script>alert(1)</script>' 2>/dev/null
    tally report --html page.html
    [ "$(grep -o '<script' page.html | wc -l)" -eq 1 ]
    not grep -qE '<(img|i|b)>|onerror=alert\(1\)>' <(sed 's/<b><data//g; s/<b>[0-9]//g' page.html)
    grep -q '&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;' page.html
    grep -q 'a&amp;amp;b' page.html
    grep -q '&lt;b&gt;&quot;Te&#39;am&quot;&amp;' page.html
    not grep -q $'\xe2\x80\xae' page.html
    grep -q $'evil\xef\xbf\xbdgnp' page.html
}

@test "the page says from which records it was made, and how to come to the same" {
    month
    tally report --html page.html --period 2026-03 --client 'fintech' --model "o9"
    grep -q "<pre>tally report --by client --period 2026-03-01..2026-03-31 --client fintech --model o9 --json</pre>" page.html
    id=$(tally status --json | jq -r '.device[0:8]')
    grep -q "<code>$id</code> <bdi>Ada/laptop</bdi> <b>$(tally status --json | jq .head.size)</b>" page.html
    tally report --html page.html --path "/work/it's"
    grep -q -- "--path &#39;/work/it&#39;\\\\&#39;&#39;s&#39; --json</pre>" page.html
}

@test "a ledger without costs makes a page that says so" {
    new_ledger
    tally report --html page.html
    grep -q "Nothing was recorded that matches" page.html
    not grep -q '<table' page.html
}

@test "columns of a chart stand as high as the costs of a day, under round ticks" {
    month
    tally report --html page.html --period 2026-03 --client acme
    # 81.25 is the highest day: five steps of 20 reach it, 212 of 220 pixels hold 100.
    [ "$(grep -o 'class="axis".*</svg>' page.html | head -1 | sed 's/<svg class="plot.*//' | grep -oE '>[0-9]+<' |
        tr -d '<>\n')" = 020406080100 ]
    # Above the base at 220: 212 x 81.25 / 100 = 172.2
    grep -oE 'class="c0"[^>]*height="172\.[0-9]"' page.html
}

@test "what is left of a long history is said" {
    new_ledger
    seq 5003 | awk '{printf "s%d\t/p\tgpt-5\t0.01\t2026-03-%02d\n", $1, $1 % 28 + 1}' | costs |
        tally costs import - >/dev/null
    tally report --html page.html
    [ "$(grep -c '^<tr data-a' page.html)" -eq 5000 ]
    grep -q "The newest 5000 of 5003 sessions are listed" page.html
    [ "$(figure total-cost page.html)" = 50.03 ]
    [ "$(stat -c %s page.html)" -lt 5000000 ]
}

@test "an output that cannot be written, and forms that contradict, are errors" {
    month
    fails_with 3 tally report --html /nowhere/page.html
    fails_with 2 tally report --html page.html --json
    [ ! -e page.html ]
    [ ! -e /dev/full ] || fails_with 3 tally report --html /dev/full
}

@test "the page's script adds up what the ledger does for a client, a member and some days" {
    month
    need_browser
    tally report --html page.html
    dom page.html >all
    [ "$(found found-cost all)" = 1389.427800000005 ]
    [ "$(found found-sessions all)" = 6 ]
    for client in acme fintech; do
        dom "page.html#client=$client" >one
        [ "$(found found-cost one)" = "$(tally report --client $client --json | jq -r .total.total_cost)" ]
        [ "$(found found-sessions one)" = "$(tally report --client $client --json | jq -r .total.sessions)" ]
    done
    dom "page.html#from=2026-03-03&to=2026-03-09" >days
    [ "$(found found-cost days)" = "$(tally report --period 2026-03-03..2026-03-09 --json |
        jq -r .total.total_cost)" ]
    [ "$(found found-cost days)" = 63.600000000004 ]
    dom "page.html#tag=urgent" >tag
    [ "$(found found-cost tag)" = 60.50 ]
    dom "page.html#text=WORK%2FFIN" >text
    [ "$(found found-cost text)" = 1234.5678 ]
    dom "page.html#member=Nobody" >none
    [ "$(found found-sessions none)" = 6 ]
}

@test "the page's script adds up hours as the ledger does" {
    need_browser
    new_ledger
    tally capture --root "$TALLY_TEST_DATA/samples/home" >/dev/null
    tally rule set books --path larkspur-books --client larkspur 2>/dev/null
    tally report --html page.html
    dom "page.html#client=larkspur" >one
    tally report --client larkspur --json >r
    [ "$(found found-hours one)" = "$(jq -r .total.engaged_hours r)" ]
    [ "$(found found-cost one)" = "$(jq -r .total.total_cost r)" ]
    [ "$(found found-hours one)" != 0.000000 ]
    not grep -E "CONSOLE.*(Refused|violates|Uncaught)" "$BATS_TEST_TMPDIR/browser"
}

@test "the page says whose days it has" {
    month
    tally report --html one.html --period 2026-03
    grep -q '<span>days of</span> <bdi>UTC' one.html
    tally client set acme --timezone Asia/Tokyo 2>/dev/null
    tally report --html two.html --period 2026-03
    # shellcheck disable=SC1112 # the page's own apostrophe
    grep -q '<span>days of</span> each client’s own zone, else <bdi>UTC' two.html
}
