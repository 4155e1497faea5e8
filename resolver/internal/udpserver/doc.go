// Package udpserver is the UDP side of the servers: one socket a core on one address, each with a
// goroutine that reads what has arrived in one system call, answers it, and sends the answers in
// another. Nothing is allocated on the way.
//
// Answers that have to wait for a slow disk or for another node are made by workers, so that those
// who ask for what is at hand do not wait with them.
package udpserver
