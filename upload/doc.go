// Package upload takes recordings and files in over links that break. Read it
// in the order they come:
//
//	upload.go   begin: who, for which unit, how many of them at a time
//	pieces.go   every piece is a file, on disk before it is acknowledged
//	finish.go   the whole: kept by its hash, a canonical sound or a text made of it
//	take.go     a bulletin uses it; what nobody used is forgotten after a day
//
// Offsets and their conflicts follow tus 1.0 (decision 0020). Several processes
// may serve one upload as long as they share the folders.
package upload
