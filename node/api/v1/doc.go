// Package apiv1 is the generated schema of the local API, version 1: how every
// screen, command and script speaks to a running node. kith.proto is its
// documentation.
package apiv1
