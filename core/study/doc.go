// Package study sets training runs side by side that differ in their reward, their optimizer and their seed alone, and
// writes what they measured as Markdown with figures and as JSON.
//
// It owns the tables and the figures. Making the runs is the affair of the command line; reading the results, of people: the
// files hold numbers and their definitions and draw no conclusion.
package study
