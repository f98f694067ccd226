// replicate.mjs serve FOLDER RECORDS | fetch FOLDER PORT KEY: a hypercore with one block a record, replicated over loopback
// TCP between two processes as the documentation of hypercore shows it. Prints figures; knows nothing of tally.
//   serve: prints "PORT KEY BLOCKS" when ready, and stops when standard input ends
//   fetch: prints "MICROSECONDS BLOCKS BYTES_ON_THE_WIRE", connection to last block, both directions
import { readFileSync } from 'node:fs'
import net from 'node:net'
import Hypercore from 'hypercore'

const BATCH = 4096 // blocks an append: many at once is what appends fastest

// u32 big-endian length || record, joined
function recordsOf (file) {
  const bytes = readFileSync(file)
  const records = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at)
    records.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return records
}

async function serve (folder, file) {
  const core = new Hypercore(folder)
  await core.ready()
  const records = recordsOf(file)
  for (let i = 0; i < records.length; i += BATCH) await core.append(records.slice(i, i + BATCH))
  const server = net.createServer(socket => {
    socket.setNoDelay(true)
    const stream = core.replicate(false)
    stream.on('error', () => {})
    socket.on('error', () => {})
    socket.pipe(stream).pipe(socket)
  })
  server.listen(0, '127.0.0.1', () => {
    console.log(`${server.address().port} ${core.key.toString('hex')} ${core.length}`)
  })
  process.stdin.on('end', () => process.exit(0)).resume()
}

async function fetch (folder, port, key) {
  const core = new Hypercore(folder, Buffer.from(key, 'hex'))
  await core.ready()
  const start = process.hrtime.bigint()
  const socket = net.connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  const stream = core.replicate(true)
  stream.on('error', () => {})
  socket.on('error', () => {})
  socket.pipe(stream).pipe(socket)
  const peers = core.findingPeers()
  await new Promise(resolve => core.once('peer-add', resolve))
  peers()
  await core.update({ wait: true })
  await core.download({ start: 0, end: core.length }).done()
  const microseconds = (process.hrtime.bigint() - start) / 1000n
  console.log(`${microseconds} ${core.contiguousLength} ${socket.bytesRead + socket.bytesWritten}`)
  process.exit(0)
}

const [verb, folder, ...rest] = process.argv.slice(2)
if (verb === 'serve' && rest.length === 1) await serve(folder, rest[0])
else if (verb === 'fetch' && rest.length === 2) await fetch(folder, Number(rest[0]), rest[1])
else {
  console.error('usage: replicate.mjs serve FOLDER RECORDS | fetch FOLDER PORT KEY')
  process.exit(2)
}
