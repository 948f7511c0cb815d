/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts the power inside erases and writes of random chains of SAVE, FLASH, ROLLBACK, CHECK, GROW and PUT_HEAD. After
 * each cut the device starts again and must hold what it held before the command, whole, or after it; a second command
 * is then cut as well, and then one more must work. Prints of each kind of operation how many cuts left the old and the
 * new state; the first fault ends it with what was done.
 *
 *     power_cuts IMAGE OTHER_IMAGE MODEL_SECTOR SECTORS HEAD_SECTOR SECTORS UNIT CUTS SEED */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ground/bytes.h"
#include "wire.h"

enum { MAX_IMAGE = 1 << 14, STEPS = 4, CUTS_OF_ONE = 12, COMMIT_BYTES = 4 };
enum { FLASH_BEGIN = 0x10, FLASH_DATA = 0x11, FLASH_COMMIT = 0x12, TEACH = 0x22, GROW_CLASS = 0x23, SAVE_HEAD = 0x40,
       TO_HEAD = 0x41, GUARD_CHECK = 0x42, PUT_HEAD = 0x44 };
enum { UNGUARDED = 2, CLASS_NAME = 32, LESSONS = 60, STATE_HEADER = 16 };

typedef enum kind { SAVE, FLASH, ROLLBACK, CHECK, GROW, PUT, KINDS } kind;
static const char *const kind_names[KINDS + 1] = {"save", "flash", "rollback", "check", "grow", "put", "chain"};

typedef struct operation {
    uint32_t count;
    kind kinds[STEPS];
    uint32_t seed;
} operation;

/* What an operation leaves after each of its steps, and how many sectors and units it has taken by then. */
typedef struct course {
    uint32_t states[STEPS + 1];
    uint32_t ends[STEPS + 1];
} course;

static uint8_t images[2][MAX_IMAGE];
static uint32_t image_bytes[2], data_state, cuts_left[KINDS + 1][2];

static uint32_t draw(uint32_t below)
{
    data_state ^= data_state << 13;
    data_state ^= data_state >> 17;
    data_state ^= data_state << 5;
    return (data_state >> 8) % below;
}

static uint32_t teach(uint32_t label, uint32_t flags)
{
    uint8_t body[TINYTL_MAX_PAYLOAD] = {0};
    const uint32_t inputs = host_side.session.model.input_bytes;
    set32(body, label | flags << 16);
    for (uint32_t i = 0; i < inputs; i++)
        body[8 + i] = (uint8_t)((label * 37u + i * 53u) % 120u + draw(21));
    return device_command(TEACH, body, 8 + inputs);
}

static uint32_t classes(void)
{
    return host_side.session.model_status == TINYTL_STATUS_ok ? host_side.session.model.class_count : 0;
}

static void teach_some(uint32_t samples, uint32_t flags)
{
    for (uint32_t i = 0; i < samples && classes() > 0; i++)
        (void)teach(draw(classes()), flags);
}

static uint32_t flash_image(uint32_t which)
{
    uint8_t body[TINYTL_MAX_PAYLOAD];
    const uint8_t *image = images[which];
    uint32_t status = device_command(FLASH_BEGIN, image, sizeof(tinytl_image_header));
    for (uint32_t offset = 0; offset < image_bytes[which] && status == 0;) {
        const uint32_t rest = image_bytes[which] - offset, most = 1 + draw(1020), bytes = rest < most ? rest : most;
        set32(body, offset);
        memcpy(body + 4, image + offset, bytes);
        status = device_command(FLASH_DATA, body, bytes + 4);
        offset += bytes;
    }
    return status ? status : device_command(FLASH_COMMIT, NULL, 0);
}

static void grow(void)
{
    uint8_t body[TINYTL_MAX_PAYLOAD] = {0};
    const uint32_t inputs = classes() ? host_side.session.model.input_bytes : 0;
    set32(body, classes() | UNGUARDED << 16);
    body[4] = (uint8_t)('a' + classes() % 26u);
    for (uint32_t i = 0; i < inputs; i++)
        body[8 + CLASS_NAME + i] = (uint8_t)draw(256);
    (void)device_command(GROW_CLASS, body, 8 + CLASS_NAME + inputs);
}

/* A head with the classes that there are, their names and other numbers, in pieces. */
static uint32_t put_head(void)
{
    static uint8_t state[MAX_IMAGE];
    uint8_t body[TINYTL_MAX_PAYLOAD];
    const tinytl_model *model = &host_side.session.model;
    const uint32_t parameters = classes() ? model->head->parameter_count : 4;
    const uint32_t names = classes() ? (classes() - model->head->class_count) * CLASS_NAME : 0;
    const uint32_t whole = STATE_HEADER + parameters * 4 + names;
    uint32_t status = 0;
    set32(state, parameters);
    set32(state + 4, classes());
    set32(state + 8, draw(1000));
    set32(state + 12, 1 + draw(1000));
    for (uint32_t i = 0; i < parameters; i++) {
        const float drawn = (float)draw(1000) / 500.0f - 1.0f;
        memcpy(state + STATE_HEADER + i * 4, &drawn, 4);
    }
    if (names)
        memcpy(state + STATE_HEADER + parameters * 4, model->arena + model->head->class_names, names);
    for (uint32_t offset = 0; offset < whole && status == 0;) {
        const uint32_t rest = whole - offset, most = STATE_HEADER + draw(200), bytes = rest < most ? rest : most;
        set32(body, offset);
        set32(body + 4, whole);
        memcpy(body + 8, state + offset, bytes);
        status = device_command(PUT_HEAD, body, 8 + bytes);
        offset += bytes;
    }
    return status;
}

/* Returns the status of the command that stores. */
static uint32_t perform_step(kind what, uint32_t seed)
{
    const uint8_t to = (uint8_t)(seed % 3u);
    data_state = seed | 1u;
    if (what == FLASH)
        return flash_image(seed % 2u);
    if (what == CHECK) {
        teach_some(LESSONS, 0);
        return device_command(GUARD_CHECK, NULL, 0);
    }
    if (what == PUT)
        return put_head();
    if (what == ROLLBACK)
        (void)device_command(TO_HEAD, &to, 1);
    else if (what == GROW)
        grow();
    else
        teach_some(3, UNGUARDED);
    return device_command(SAVE_HEAD, NULL, 0);
}

/* All that a start finds: the model and, of its head, everything that is kept. */
static uint32_t state_now(void)
{
    const tinytl_session *session = &host_side.session;
    const tinytl_model *model = &session->model;
    uint32_t told[10] = {session->model_status, 0};
    if (session->model_status != TINYTL_STATUS_ok)
        return tinytl_crc32(0, told, sizeof told);
    told[1] = session->model_sequence;
    told[2] = session->head_status;
    told[3] = session->store_sequence;
    told[4] = model->class_count;
    told[5] = model->steps;
    told[6] = model->random;
    told[7] = tinytl_head_crc32(model);
    told[8] = model->header->crc32;
    told[9] = tinytl_crc32(0, model->image, model->header->image_bytes);
    const uint32_t names = (model->class_count - model->head->class_count) * CLASS_NAME;
    return tinytl_crc32(tinytl_crc32(0, told, sizeof told), model->arena + model->head->class_names, names);
}

static uint32_t state_after_start(void)
{
    static device present;
    present = host_side;
    flash_arm(&host_side.flash, NEVER);
    device_start();
    const uint32_t state = state_now();
    host_side = present;
    return state;
}

static void print_operation(const operation *each)
{
    for (uint32_t i = 0; i < each->count; i++)
        printf(" %s", kind_names[each->kinds[i]]);
}

static void fault(const char *what, const operation *each, uint32_t cut_at)
{
    printf("fault: %s:", what);
    print_operation(each);
    printf(", seed %u, cut at %u\n", each->seed, cut_at);
    exit(1);
}

/* Perform all steps, with a look at what is stored after each. What a flash and a save answer must be ok. */
static course perform_whole(const operation *each)
{
    course made = {{state_after_start()}, {0}};
    flash_arm(&host_side.flash, NEVER);
    for (uint32_t i = 0; i < each->count; i++) {
        const uint32_t status = perform_step(each->kinds[i], each->seed + i * 7919u);
        if (status != 0 && (each->kinds[i] == FLASH || classes() > 0))
            fault(tinytl_status_text(status), each, NEVER);
        made.states[i + 1] = state_after_start();
        made.ends[i + 1] = host_side.flash.done;
    }
    return made;
}

static void perform_cut(const operation *each, uint32_t cut_at)
{
    flash_arm(&host_side.flash, cut_at);
    for (uint32_t i = 0; i < each->count && !host_side.flash.dead; i++)
        (void)perform_step(each->kinds[i], each->seed + i * 7919u);
    if (!host_side.flash.dead)
        fault("the same again took fewer erases and writes", each, cut_at);
    flash_arm(&host_side.flash, NEVER);
    device_start();
}

/* After a cut in a step: what was before it, or, if the cut was in its commit word, what comes after it. */
static void judge(const operation *each, const course *made, uint32_t cut_at)
{
    uint32_t step = 0;
    while (made->ends[step + 1] <= cut_at)
        step++;
    const uint32_t state = state_now(), unit = host_side.flash.shape.unit,
                   commit = unit < COMMIT_BYTES ? COMMIT_BYTES / unit : 1;
    const int is_old = state == made->states[step], is_new = state == made->states[step + 1];
    if (!is_old && !is_new)
        fault("neither the old nor the new state", each, cut_at);
    if (!is_old && cut_at + commit < made->ends[step + 1])
        fault("the new state before its commit word", each, cut_at);
    cuts_left[each->count > 1 ? KINDS : each->kinds[0]][!is_old]++;
}

static uint32_t total_cuts(void)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i <= KINDS; i++)
        total += cuts_left[i][0] + cuts_left[i][1];
    return total;
}

static operation draw_operation(void)
{
    operation drawn = {1 + (chance(4) == 0) * (1 + chance(STEPS - 1)), {SAVE}, 1 + chance(1 << 24)};
    for (uint32_t i = 0; i < drawn.count; i++)
        drawn.kinds[i] = (kind)chance(KINDS);
    return drawn;
}

/* Anywhere, or near the end of a step, where header and commit word are. */
static uint32_t draw_cut(const operation *each, const course *made)
{
    const uint32_t end = made->ends[1 + chance(each->count)], last = made->ends[each->count],
                   back = 1 + chance(COMMIT_BYTES * 2);
    return chance(2) && end >= back && end <= last ? end - back : chance(last);
}

/* Cut a second operation where the first cut left things, then do it wholly. */
static void go_on_from_a_cut(void)
{
    static device after_cut;
    const operation next = draw_operation();
    after_cut = host_side;
    const course made = perform_whole(&next);
    if (made.ends[next.count] == 0)
        return;
    const uint32_t cut_at = draw_cut(&next, &made);
    host_side = after_cut;
    perform_cut(&next, cut_at);
    judge(&next, &made, cut_at);
    (void)perform_whole(&next);
    const operation again = {2, {FLASH, SAVE}, next.seed};
    if (chance(4) == 0)
        (void)perform_whole(&again);
}

static void cut_at_random(const operation *each)
{
    static device before, left;
    before = host_side;
    const course made = perform_whole(each);
    left = host_side;
    for (uint32_t i = 0; i < CUTS_OF_ONE && made.ends[each->count] > 0; i++) {
        const uint32_t cut_at = draw_cut(each, &made);
        host_side = before;
        perform_cut(each, cut_at);
        judge(each, &made, cut_at);
        go_on_from_a_cut();
    }
    if (chance(3))
        host_side = left;
}

static void read_image(const char *path, uint32_t which)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        exit(2);
    image_bytes[which] = (uint32_t)fread(images[which], 1, MAX_IMAGE, file);
    fclose(file);
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

int main(int count, char **arguments)
{
    if (count != 10)
        return 2;
    read_image(arguments[1], 0);
    read_image(arguments[2], 1);
    const geometry shape = {number(arguments[3]), number(arguments[4]), number(arguments[5]), number(arguments[6]),
                            number(arguments[7])};
    chance_begin(number(arguments[9]));
    device_begin(&shape);
    device_start();
    while (total_cuts() < number(arguments[8])) {
        const operation each = draw_operation();
        cut_at_random(&each);
    }
    for (uint32_t i = 0; i <= KINDS; i++)
        printf("%s %u %u\n", kind_names[i], cuts_left[i][0], cuts_left[i][1]);
    return 0;
}
