// Opens a cosigned checkpoint with golang.org/x/mod/sumdb/note, which nobody here wrote: the note on
// standard input must hold the log's signature and the witness's. Arguments: the two device keys in
// hex. Prints who signed, one name a line.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const (
	typeEd25519     = 0x01
	typeCosignature = 0x04
)

func keyHash(name string, kind byte, key []byte) uint32 {
	h := sha256.New()
	io.WriteString(h, name+"\n")
	h.Write(append([]byte{kind}, key...))
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// A note.Verifier for cosignature/v1 (c2sp.org/tlog-cosignature).
type witness struct {
	name string
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return keyHash(w.name, typeCosignature, w.key) }
func (w witness) Verify(body, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(sig)
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, body)
	return ed25519.Verify(w.key, []byte(signed), sig[8:])
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	check(err)
	logKey, err := hex.DecodeString(os.Args[1])
	check(err)
	witnessKey, err := hex.DecodeString(os.Args[2])
	check(err)
	origin := strings.SplitN(string(text), "\n", 2)[0]
	team := origin[:strings.LastIndex(origin, "/")]
	log, err := note.NewVerifier(fmt.Sprintf("%s+%08x+%s", origin, keyHash(origin, typeEd25519, logKey),
		base64.StdEncoding.EncodeToString(append([]byte{typeEd25519}, logKey...))))
	check(err)
	opened, err := note.Open(text, note.VerifierList(log, witness{team + "/" + os.Args[2], witnessKey}))
	check(err)
	for _, signature := range opened.Sigs {
		fmt.Println(signature.Name)
	}
}
