package store

// Selection lets the tests ask the database how it would find what is asked for.
var Selection = selection
