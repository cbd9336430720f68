package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/leasehold-go/leasehold/e2e/backends"
)

// cell is a server with a connection to it.
type cell struct {
	row backends.Row
	on  server
	result
}

// table is all cells, row by row.
type table struct{ cells []*cell }

func (t *table) add(row backends.Row, on server) *cell {
	c := &cell{row: row, on: on}
	t.cells = append(t.cells, c)
	return c
}

func (t *table) failed() bool {
	return slices.ContainsFunc(t.cells, func(c *cell) bool { return c.result.failed })
}

// print writes a table for each kind of server, and the notes of all cells.
func (t *table) print(w io.Writer, markdown bool) {
	var notes []string
	for _, kind := range []string{"redis", "etcd"} {
		var lines [][]string
		head := []string{"connection", "client"}
		for _, c := range t.cells {
			if c.on.kind != kind {
				continue
			}
			if len(lines) == 0 || lines[len(lines)-1][0] != c.row.Name {
				lines = append(lines, []string{c.row.Name, c.row.Client})
			}
			if len(lines) == 1 {
				head = append(head, c.on.name)
			}
			last := &lines[len(lines)-1]
			*last = append(*last, c.mark(&notes))
		}
		if len(lines) == 0 {
			continue
		}
		if markdown {
			lines = slices.Insert(lines, 0, slices.Repeat([]string{"---"}, len(head)))
		}
		lines = slices.Insert(lines, 0, head)
		if markdown {
			for _, line := range lines {
				fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
			}
		} else {
			columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			for _, line := range lines {
				fmt.Fprintln(columns, strings.Join(line, "\t"))
			}
			columns.Flush()
		}
		fmt.Fprintln(w)
	}
	for i, note := range notes {
		fmt.Fprintf(w, "%d. %s\n", i+1, note)
	}
}

// mark is the text of a cell in the table, with the numbers of its notes.
func (c *cell) mark(notes *[]string) string {
	text := "pass, " + c.took.Round(time.Second).String()
	if c.result.failed {
		text = "FAIL"
	}
	for _, note := range c.notes {
		i := slices.Index(*notes, note)
		if i < 0 {
			i = len(*notes)
			*notes = append(*notes, note)
		}
		text += fmt.Sprintf(" (%d)", i+1)
	}
	return text
}
