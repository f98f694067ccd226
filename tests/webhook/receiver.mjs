// A receiver of webhooks for tests/cli/webhook.bats: checks each message with the published standardwebhooks package,
// writes down what it had, one JSON line each, and answers as the first line of the file "mode" says at that moment.
// usage: node receiver.mjs FOLDER. The folder has "secrets" (one a line) and "mode"; gets "port" and "had".
import { createServer } from 'node:http'
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'

const folder = process.argv[2]
const lines = name => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean)

// A mode that is used up goes: "fail fail accept" fails twice.
function mode() {
  const words = (lines('mode')[0] ?? 'accept').split(' ')
  if (words.length > 1) writeFileSync(join(folder, 'mode'), words.slice(1).join(' '))
  return words[0]
}

function verified(secret, body, headers) {
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch {
    return false
  }
}

const answers = {
  accept: res => res.writeHead(204).end(),
  fail: res => res.writeHead(500).end('no'),
  refuse: res => res.writeHead(400).end('no'),
  gone: res => res.writeHead(410).end(),
  later: res => res.writeHead(503, { 'retry-after': '3600' }).end(),
  later_date: res => res.writeHead(429, { 'retry-after': new Date(Date.now() + 1800_000).toUTCString() }).end(),
  forever: res => res.writeHead(503, { 'retry-after': '9999999999' }).end(),
  redirect: res => res.writeHead(302, { location: '/elsewhere' }).end(),
  close: res => res.socket.destroy(),
  hang: () => {},
  headers: res => {
    for (let i = 0; i < 200; i++) res.setHeader(`x-${i}`, 'y'.repeat(1000))
    res.writeHead(200).end()
  },
  // Megabytes, as fast as they are taken; it counts what it could get rid of.
  huge: res => {
    res.writeHead(200)
    const more = () => {
      while (res.write('z'.repeat(65536))) if (res.destroyed) return
    }
    res.on('drain', more)
    res.on('error', () => {})
    more()
  },
}

const server = createServer((req, res) => {
  const pieces = []
  req.on('data', piece => pieces.push(piece))
  req.on('end', () => {
    const body = Buffer.concat(pieces).toString()
    appendFileSync(join(folder, 'had'), JSON.stringify({
      method: req.method, path: req.url, id: req.headers['webhook-id'], timestamp: req.headers['webhook-timestamp'],
      signature: req.headers['webhook-signature'], content_type: req.headers['content-type'],
      verified: lines('secrets').map(secret => verified(secret, body, req.headers)), body: JSON.parse(body),
    }) + '\n')
    answers[mode()](res)
  })
})
server.on('connection', socket => socket.on('error', () => {}))
server.listen(0, '127.0.0.1', () => {
  writeFileSync(join(folder, 'port.new'), `${server.address().port}\n`)
  renameSync(join(folder, 'port.new'), join(folder, 'port'))
})
