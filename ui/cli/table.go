package cli

// The headings of the help, in its order.
const (
	groupStart  = "To begin"
	groupTalk   = "To talk"
	groupPeople = "People"
	groupGroups = "Groups and chats"
	groupFiles  = "Files"
	groupNode   = "The node"
	groupOther  = "More"
)

// groups returns the headings in the order of the help.
func groups() []string {
	return []string{groupStart, groupTalk, groupPeople, groupGroups, groupFiles, groupNode, groupOther}
}

// commands returns the table: everything that kith can be told. A command
// whose name has two words is a part of the one with the first word.
func commands() []*command {
	var all []*command
	for _, part := range [][]*command{
		bareCommands(), identityCommands(), deviceCommands(), talkCommands(), changeCommands(), friendCommands(), chatCommands(),
		quietCommands(),
		fileCommands(), nodeCommands(), otherCommands(),
	} {
		all = append(all, part...)
	}
	return all
}
