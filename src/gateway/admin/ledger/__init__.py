"""What calls came to: searched, told as stories, added up, plotted."""
