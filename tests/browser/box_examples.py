"""Pages for a test of the measure itself: one with a wrong box of each kind, and one with none."""

BROKEN = """<style>body { margin: 0 } p { margin: 0 } .at { position: absolute; left: 0; top: 0 }</style>
<div style="position: relative; height: 60px"><p class="at">under it</p><p class="at">over it</p></div>
<div style="position: relative; height: 60px"><button class="at">a button</button><p class="at">a text</p></div>
<div style="width: 60px; overflow: hidden; white-space: nowrap">a text that is cut off here</div>
<div style="height: 10px; overflow: hidden">a line that is cut off below</div>
<div style="width: 60px; overflow: auto; white-space: nowrap">a text that only a mouse can scroll to</div>
<div style="width: 60px; white-space: nowrap">a text that is wider than its box</div>
<div style="position: absolute; left: -40px; top: 300px">to the left</div>
<input style="width: 60px" placeholder="what might be typed here">
<div style="width: 3000px; text-align: right">far away</div>"""
FOUND = (
    "overlap: p.at “over it” and p.at “under it”",
    "overlap: button.at “a button” and p.at “a text”",
    "cut: div “a text that is cut off here”",
    "cut: div “a line that is cut off below”",
    "cut: input “what might be typed here”",
    "scrolls, without a name or the focus: div “a text that only a mouse can scroll to”",
    "goes over the edge of its box: div “a text that is wider than its box”",
    "outside of the window: div “to the left”",
    "outside of the window: div “far away”",
    "the page scrolls sideways",
)
SOUND = """<style>body { margin: 0 } .small { width: 60px; white-space: nowrap }</style>
<p>A text <b>within</b> a text, <a href="/">and a link</a>, <button>a button</button></p>
<div title="all of it" class="small" style="overflow: hidden; text-overflow: ellipsis">a text, cut off</div>
<div tabindex="0" role="region" aria-label="A table" class="small" style="overflow: auto">one can scroll</div>
<details><summary>More</summary><p style="width: 3000px">what is not open is not there</p></details>
<div style="position: relative"><p style="visibility: hidden; position: absolute; top: 0">nor is this</p>What is seen</div>"""
