// A loopback mock of the Anthropic Messages API and the OpenAI Responses API with scripted replies and known usage.
// TOOL_ROUNDS: how many tool calls a Claude turn asks for, one after the other (1).
// usage: node mock_llm.js PORT SERVED.jsonl   — every request served is written to SERVED.jsonl with the usage it carried (the truth).
const http = require('http'), fs = require('fs'); const port = +process.argv[2], log = process.argv[3]
let n = +(process.env.BASE || 0); const served = o => fs.appendFileSync(log, JSON.stringify(o) + '\n')
const sse = (res, ev) => res.write((ev.event ? `event: ${ev.event}\n` : '') + `data: ${JSON.stringify(ev.data)}\n\n`)
function anthropic (req, body, res) {
  const k = ++n, model = body.model, last = body.messages[body.messages.length - 1]
  const hasTools = (body.tools || []).some(t => t.name === 'Bash'), rounds = +(process.env.TOOL_ROUNDS || 1)
  const results = (body.messages || []).filter(m => Array.isArray(m.content) && m.content.some(c => c.type === 'tool_result')).length, isResult = results >= rounds
  const title = JSON.stringify(body.system || '').length < 3000 && !hasTools
  const usage = { input_tokens: 10 + k, cache_creation_input_tokens: 1000 + k, cache_read_input_tokens: 5000 + k, cache_creation: { ephemeral_5m_input_tokens: 600, ephemeral_1h_input_tokens: 400 + k }, output_tokens: 1, service_tier: 'standard' }
  const out = 100 + k, id = 'msg_01mock' + String(k).padStart(16, '0'), rid = 'req_011mock' + String(k).padStart(14, '0')
  if (process.env.FAIL_EVERY && k % +process.env.FAIL_EVERY === 0) { served({ k, t: Date.now(), api: 'anthropic', model, status: 529 }); res.writeHead(529, { 'content-type': 'application/json', 'request-id': rid }); return res.end(JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } })) }
  const tool = hasTools && !isResult && (results > 0 || /run|tool|hook|test|echo/i.test(JSON.stringify(last.content)))
  served({ k, t: Date.now(), api: 'anthropic', model, id, rid, title, tool, input: usage.input_tokens, cache_read: usage.cache_read_input_tokens, cache_5m: 600, cache_1h: 400 + k, output: out })
  const text = title ? '{"title": "Mock title ' + k + '", "isNewTopic": true}' : 'Done. Reply number ' + k + '.'
  if (!body.stream) { res.writeHead(200, { 'content-type': 'application/json', 'request-id': rid }); return res.end(JSON.stringify({ id, type: 'message', role: 'assistant', model, content: [{ type: 'text', text }], stop_reason: 'end_turn', stop_sequence: null, usage: { ...usage, output_tokens: out } })) }
  res.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': rid })
  sse(res, { event: 'message_start', data: { type: 'message_start', message: { id, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null, usage } } })
  sse(res, { event: 'content_block_start', data: { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } } })
  sse(res, { event: 'content_block_delta', data: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } } })
  sse(res, { event: 'content_block_stop', data: { type: 'content_block_stop', index: 0 } })
  if (tool) {
    sse(res, { event: 'content_block_start', data: { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 'toolu_01mock' + k, name: 'Bash', input: {} } } })
    sse(res, { event: 'content_block_delta', data: { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: JSON.stringify({ command: 'echo hi', description: 'Say hi' }) } } })
    sse(res, { event: 'content_block_stop', data: { type: 'content_block_stop', index: 1 } })
  }
  sse(res, { event: 'message_delta', data: { type: 'message_delta', delta: { stop_reason: tool ? 'tool_use' : 'end_turn', stop_sequence: null }, usage: { ...usage, output_tokens: out } } })
  sse(res, { event: 'message_stop', data: { type: 'message_stop' } }); res.end()
}
function openai (req, body, res) {
  const k = ++n, id = 'resp_mock' + k, input = body.input || []; const lastItem = input[input.length - 1] || {}
  const tools = (body.tools || []).map(t => t.name || t.type); const isResult = /output/.test(lastItem.type || '')
  const shell = tools.find(t => /shell|exec_command/.test(t || '')); const tool = shell && !isResult && /run|tool|echo/i.test(JSON.stringify(lastItem))
  const usage = { input_tokens: 3000 + k, input_tokens_details: { cached_tokens: 2000 + k }, output_tokens: 200 + k, output_tokens_details: { reasoning_tokens: 50 + k }, total_tokens: 3200 + 2 * k }
  served({ k, t: Date.now(), api: 'openai', model: body.model, id, tool: !!tool, tools, input: usage.input_tokens, cached: 2000 + k, output: usage.output_tokens, reasoning: 50 + k })
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  const items = []
  if (tool) items.push({ type: 'function_call', id: 'fc_' + k, call_id: 'call_' + k, name: shell, arguments: JSON.stringify(/exec_command/.test(shell) ? { cmd: 'echo hi' } : { command: ['bash', '-lc', 'echo hi'] }) })
  else items.push({ type: 'message', id: 'm_' + k, role: 'assistant', content: [{ type: 'output_text', text: 'Done. Reply ' + k, annotations: [] }] })
  sse(res, { event: 'response.created', data: { type: 'response.created', response: { id, object: 'response', status: 'in_progress', model: body.model, output: [] } } })
  items.forEach((it, i) => { sse(res, { event: 'response.output_item.added', data: { type: 'response.output_item.added', output_index: i, item: it } }); sse(res, { event: 'response.output_item.done', data: { type: 'response.output_item.done', output_index: i, item: it } }) })
  sse(res, { event: 'response.completed', data: { type: 'response.completed', response: { id, object: 'response', status: 'completed', model: body.model, output: items, usage } } }); res.end()
}
function gemini (req, body, res) {
  const k = ++n, model = (req.url.match(/models\/([^:]+):/) || [])[1], last = JSON.stringify((body.contents || []).slice(-1)[0] || {})
  const decl = JSON.stringify(body.tools || []); const tool = /run_shell_command/.test(decl) && !/functionResponse/.test(last) && /run|echo/i.test(last)
  const u = { promptTokenCount: 4000 + k, cachedContentTokenCount: 1500 + k, candidatesTokenCount: 300 + k, thoughtsTokenCount: 40 + k, toolUsePromptTokenCount: 0, totalTokenCount: 4340 + 3 * k }
  served({ k, t: Date.now(), api: 'gemini', model, stream: /stream/.test(req.url), tool, input: u.promptTokenCount, cached: u.cachedContentTokenCount, output: u.candidatesTokenCount, thoughts: u.thoughtsTokenCount, last: last.slice(0, 120) })
  const json = /responseJsonSchema|responseSchema/.test(JSON.stringify(body.generationConfig || {}))
  const part = tool ? { functionCall: { name: 'run_shell_command', args: { command: 'echo hi', description: 'say hi' } } } : { text: json ? '{"reasoning":"mock","next_speaker":"user","model_choice":"flash","complexity_score":10,"complexity_reasoning":"x"}' : 'Done. Reply ' + k }
  const out = { candidates: [{ index: 0, content: { role: 'model', parts: [part] }, finishReason: 'STOP' }], usageMetadata: u, modelVersion: model, responseId: 'gem' + k }
  if (/stream/.test(req.url)) { res.writeHead(200, { 'content-type': 'text/event-stream' }); sse(res, { data: out }); res.end() } else { res.writeHead(200, { 'content-type': 'application/json' }); res.end(JSON.stringify(out)) }
}
http.createServer((req, res) => {
  let b = ''; req.on('data', d => { b += d }); req.on('end', () => {
    let body = {}; try { body = JSON.parse(b || '{}') } catch (e) {}
    if (/count_tokens/.test(req.url)) { res.writeHead(200, { 'content-type': 'application/json' }); return res.end('{"input_tokens":42}') }
    if (/:(stream)?[gG]enerateContent/.test(req.url)) return gemini(req, body, res)
    if (/\/messages/.test(req.url)) return anthropic(req, body, res)
    if (/\/responses/.test(req.url)) return openai(req, body, res)
    if (/\/models/.test(req.url)) { res.writeHead(200, { 'content-type': 'application/json' }); return res.end('{"data":[],"models":[]}') }
    res.writeHead(404, { 'content-type': 'application/json' }); res.end('{}')
  })
}).listen(port, '127.0.0.1', () => console.log('listening'))
setTimeout(() => process.exit(0), 600000)
