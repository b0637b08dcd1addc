# Copy a source of the runtime without the rows of its tables that a selective build leaves out; nothing else differs.
#
#     awk -v words="aten::add.out op:BINARY ..." -f select_rows.awk backends/cpu/cpu.c
#
# A row's word says what it is about (key_of below); words may end in "*". `percept model inspect --ops` prints those that
# a program needs, cmake/Selection.cmake builds with them. What no row refers to, the compiler and the linker leave out.

# Of the row that begins with `text`; in the order of the alternatives of ROW.
function key_of(text,    name) {
    name = text
    sub(/^[^"]*"/, "", name)
    sub(/".*$/, "", name)
    if (text ~ /::/)
        return name
    if (text ~ /et_vk/)
        return "delegate:VulkanBackend"
    if (text ~ /Backend"/)
        return "delegate:" name
    if (text ~ /"/)
        return "::" name "." # the rest of the operator's name is a macro's
    name = text
    sub(/^[^A-Za-z]+/, "", name)
    sub(/^(PRT_(OP_|BINARY_|UNARY_)?|CPU_DOMAIN_|prt_pass_)/, "", name)
    sub(/[^A-Za-z0-9_].*$/, "", name)
    if (text ~ /prt_pass_/)
        return "pass:" name
    if (text ~ /PRT_OP_/)
        return (FILENAME ~ /shapes/ ? "rule:" : "op:") name
    if (text ~ /PRT_BINARY_/)
        return "binary:" name
    if (text ~ /PRT_UNARY_/)
        return "unary:" name
    if (text ~ /PRT_|CPU_DOMAIN_/)
        return "type:" name
    return "loop:" name
}

function selected(key,    i, word) {
    # The kernels of BINARY and UNARY look before they promise to run a node; others rely on all of these.
    if ((key ~ /^(binary|unary|type|loop):/ && all_loops) || key ~ /COUNT$/ || key == "pass:layout")
        return 1
    for (i in wanted) {
        word = wanted[i]
        if (word == key || (key ~ /^::/ && index(word ".", key)) || (key ~ /^rule:/ && "rule:" substr(word, 4) == key) ||
             (word ~ /\*$/ && index(key, substr(word, 1, length(word) - 1)) == 1))
            return 1
    }
    return 0
}

# Length of the row at the start of text, with its comma: up to the next one that is in no bracket or string.
# The last row of a macro has none.
function row_length(text,    i, depth, c, last, quoted) {
    depth = 0
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\"")
            quoted = !quoted
        if (quoted)
            continue
        if (c ~ /[({\[]/)
            depth++
        else if (c ~ /[)}\]]/ && --depth < 0)
            return i - 1
        else if (c == "," && depth == 0)
            return i
        else if (depth == 0 && (c == ";" || (c == "\n" && last != "=")))
            return i - 1
        if (c !~ /[ \n]/)
            last = c
    }
    return length(text)
}

{ text = text $0 "\n" }

END {
    split(words, wanted, " ")
    for (i in wanted)
        all_loops = all_loops || (wanted[i] ~ /^(op|type):/ && wanted[i] !~ /^(op:BINARY|op:UNARY|type:F32)$/)
    if (FILENAME ~ /import/)
        ROW = "[{]\"([A-Za-z_]+::|et_vk[.])[^\"]*\"|[A-Z_]+[(]\"[A-Za-z_]+::[^\"]*\"|[{]\"[A-Za-z]+Backend\"" \
            "|[{][A-Z_]+[(]\"[A-Za-z0-9_.]+\"|\\[PRT_OP_[A-Z0-9_]+\\] ="
    else
        ROW = "\\[(PRT_|CPU_DOMAIN_)[A-Z0-9_]+\\] =|[{]prt_pass_[a-z_]+,"
    if (FILENAME ~ /loops_table/)
        ROW = ROW "|[.](prelu|where|add_codes|prelu_codes|look_up|max_f32|max_i8|max_u8|interleave_u8|interleave_u32|add_f32|lerp_f32" \
            "|lerp_i8|lerp_u8|lerp_codes|accumulate|fold|softmax|layer_norm|matmul) = "
    # Only kernels in plain C: no other instruction set is asked for.
    if (FILENAME ~ /(isa|kernels|loops|rows)[.]c$/)
        gsub(/defined\(__(x86_64|aarch64)__\)/, "0", text)
    while (match(text, ROW)) {
        start = RSTART
        printf "%s", substr(text, 1, start - 1)
        key = key_of(substr(text, start, RLENGTH))
        text = substr(text, start)
        size = key ~ /COUNT$/ ? RLENGTH : row_length(text)
        if (selected(key))
            printf "%s", substr(text, 1, size)
        text = substr(text, size + 1)
    }
    printf "%s", text
}
