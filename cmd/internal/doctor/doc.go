// Package doctor looks at the machine and the configuration that a node has, or would have, and says what is wrong, what that
// means and what helps. It changes nothing but for a file of some kilobytes in the data directory, which it removes.
//
// What it says stands in one table, kinds, in English and Chinese. Each check is a function from an Examination to findings and may be
// run alone. An error is what keeps the node, or a part of it, from doing its work; a warning is what will some day.
package doctor
