# SPDX-License-Identifier: GPL-2.0-or-later
#
# One mode as a picture: what an I/O costs in units of floor.
#
# usage: gnuplot -e "data='FILE'; out='FILE.svg'; name='TITLE'" plot.gp
#
# The data's blocks are a sector size each: a line a cell, its name, then the
# ratios of crypt, crypt-nowq and kmscrypt.
set terminal svg size 1000,760 dynamic background rgb 'white'
set output out
set style data histogram
set style histogram clustered gap 1.5
set style fill solid border -1
set boxwidth 0.9
set yrange [0:*]
set grid ytics
set xtics rotate by -25 nomirror
set key top right
set multiplot layout 2,1 title name
do for [block = 0:1] {
	set title sprintf('sectors of %d bytes', block ? 4096 : 512)
	set ylabel 'times floor'
	plot data index block using 2:xtic(1) title 'dm-crypt' lc '#c44e52', \
	     '' index block using 3 title 'dm-crypt nowq' lc '#dd8452', \
	     '' index block using 4 title 'kmscrypt' lc '#4c72b0', \
	     1 with lines notitle lc 'black' dt 2
}
unset multiplot
