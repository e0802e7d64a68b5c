// Package roster decides who is in a private group, and who may do what, from
// the set of the group's steps alone: whatever the order in which they
// arrived, whoever has the same steps has the same members.
//
// The steps (event.Group) form a graph: each names the newest steps that its
// author had seen. No clock decides anything but the expiry of a link, and an
// author can leave out what they have seen but cannot claim to have seen what
// did not exist. The rules:
//
//   - The group's ID covers the account that made it and the first step, so
//     that nobody else can be its owner.
//   - The owner names admins and takes that back; admins invite, remove, set,
//     pin and make links; a person joins by answering an invitation. A step
//     counts if its author's standing is in what the step has seen.
//   - Rank: owners, then admins, then members, each in the order in which they
//     became it. Nobody removes or demotes somebody of their own rank or above.
//   - A removal (or demotion, or leaving) undoes what the removed person did
//     without having seen it, whatever date it bears, and undoes an invitation
//     that was made without having seen it. Between removals that exclude each
//     other the higher rank wins.
//   - A link can be used as often as it says, counted in the order of the set,
//     until its expiry by the date of the joining, and no more once it is taken
//     back; somebody who was removed cannot come back by an older link.
//   - Owner lost: the longest-standing admin (in a group without admins: the
//     longest-standing member) may ask to stand in, and becomes an owner once
//     more than half of the admins (of the members) agree, the asker counted;
//     at once where the owner has left. The first owner, if they come back,
//     stands above the stand-in and can undo it. No time is involved, so that
//     no clock can be abused.
//   - At most MaxMembers members; who comes later in the order does not join.
//   - An epoch is announced by the step that excludes somebody, or by an admin.
//     The highest number is in force, of two the earlier in the order. It is
//     sound when its step has seen every removal; until then nothing must be
//     sent under it, and the next admin announces a new one.
//
// The order of the set is by depth in the graph, then by ID.
//
// The package is pure: it knows neither network nor store nor clock, and takes
// the signatures of the events for checked.
//
// Read rules.go first, then graph.go for what a step has seen and overrule.go
// for what a removal undoes.
package roster
